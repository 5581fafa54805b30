/* SPDX-License-Identifier: MIT */
/* linear.c -- matrix products of layers, and what follows them. */
#include "runtime/base/error.h"
#include "runtime/device/arguments.h"
#include "runtime/device/blocks.h"
#include "runtime/device/cuda/cuda.h"
#include "runtime/device/linear_products.h"

sluice_status sluice__cuda_matmul(sluice_stream *stream, const sluice_matmul *args,
                                  sluice_precision precision) {
    return sluice__cuda_multiply(stream, args, precision);
}

/* The product adds a residual that is in the result's buffer; any other is added after it. */
sluice_status sluice__cuda_linear(sluice_stream *stream, const sluice_linear *args,
                                  sluice_precision precision) {
    SLUICE__TRY(sluice__check_activation(args->activated, args->activation));
    const bool in_place         = args->residual && args->residual == args->y;
    const float *const residual = in_place ? NULL : args->residual;
    const sluice_matmul product = sluice__linear_product(args, in_place);
    SLUICE__TRY(sluice__cuda_multiply(stream, &product, precision));
    if (!args->b && !residual && !args->activated) return SLUICE_OK;
    return sluice__cuda_status(sluice__launch_epilogue(args->y, args->activated, args->b, residual,
                                                       args->rows, args->outputs, stream->handle),
                               "adding a bias");
}

sluice_status sluice__cuda_linear_backward_input(sluice_stream *stream,
                                                 const sluice_linear_backward_input *args,
                                                 sluice_precision precision) {
    SLUICE__TRY(sluice__check_activation(args->before_activation, args->activation));
    const sluice_matmul product = sluice__linear_input_product(args);
    SLUICE__TRY(sluice__cuda_multiply(stream, &product, precision));
    if (!args->before_activation) return SLUICE_OK;
    return sluice__cuda_status(sluice__launch_gelu_slope(args->dx, args->before_activation,
                                                         args->rows * args->inputs, stream->handle),
                               "the gradient of gelu");
}

sluice_status sluice__cuda_linear_backward_weight(sluice_stream *stream,
                                                  const sluice_linear_backward_weight *args,
                                                  sluice_precision precision) {
    const sluice_matmul product = sluice__linear_weight_product(args);
    SLUICE__TRY(sluice__cuda_multiply(stream, &product, precision));
    if (!args->db) return SLUICE_OK;
    float *const partials = args->scratch;
    SLUICE__TRY(sluice__cuda_status(
        sluice__launch_column_sums(partials, args->dy, args->rows, args->outputs, stream->handle),
        "summing the gradient of a bias"));
    return sluice__cuda_status(
        sluice__launch_add_partials(args->db, partials,
                                    sluice__blocks(args->rows, SLUICE__COLUMN_SUM_ROWS),
                                    args->outputs, args->first_write, stream->handle),
        "summing the gradient of a bias");
}
