/* SPDX-License-Identifier: MIT */
/* parameter_tensors.c -- the tensors that a parameter is listed and saved as: itself, or pieces. */
#include <assert.h>

#include "sluice/model.h"

int sluice_parameter_tensor_count(const sluice_parameter_use *use) {
    return use->parameter.piece_count > 0 ? use->parameter.piece_count : 1;
}

sluice_parameter_tensor sluice_parameter_tensor_at(const sluice_parameter_use *use, int index) {
    const sluice_parameter *const parameter = &use->parameter;
    sluice_parameter_tensor tensor          = {use->name, parameter->shape, 0};
    assert(0 <= index && index < sluice_parameter_tensor_count(use));
    if (parameter->piece_count == 0) return tensor;
    const int64_t per_row = sluice_shape_count(&parameter->shape) / parameter->shape.dims[0];
    for (int k = 0; k < index; k++) tensor.first += parameter->pieces[k].rows * per_row;
    tensor.name          = use->pieces[index];
    tensor.shape.dims[0] = parameter->pieces[index].rows;
    return tensor;
}
