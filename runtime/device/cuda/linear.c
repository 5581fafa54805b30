/* SPDX-License-Identifier: MIT */
/* linear.c -- matrix products of layers, and what follows them. */
#include "runtime/base/error.h"
#include "runtime/device/arguments.h"
#include "runtime/device/blocks.h"
#include "runtime/device/cuda/cuda.h"
#include "runtime/device/linear_products.h"

sluice_status sluice__cuda_matmul(sluice_stream *stream, const sluice_matmul *args,
                                  sluice_precision precision) {
    const sluice__cuda_product product = sluice__cuda_product_of(args, precision);
    return sluice__cuda_multiply(stream, &product);
}

sluice_status sluice__cuda_linear(sluice_stream *stream, const sluice_linear *args,
                                  sluice_precision precision) {
    SLUICE__TRY(sluice__check_activation(args->activated, args->activation));
    const sluice_matmul plain    = sluice__linear_product(args, args->residual);
    sluice__cuda_product product = sluice__cuda_product_of(&plain, precision);
    product.bias                 = args->b;
    if (args->residual) product.added = args->residual;
    SLUICE__TRY(sluice__cuda_multiply(stream, &product));
    if (!args->activated) return SLUICE_OK;
    return sluice__cuda_status(sluice__launch_epilogue(args->y, args->activated, NULL, args->rows,
                                                       args->outputs, product.c_type,
                                                       stream->handle),
                               "gelu");
}

sluice_status sluice__cuda_linear_backward_input(sluice_stream *stream,
                                                 const sluice_linear_backward_input *args,
                                                 sluice_precision precision) {
    SLUICE__TRY(sluice__check_activation(args->before_activation, args->activation));
    const sluice_matmul plain          = sluice__linear_input_product(args);
    const sluice__cuda_product product = sluice__cuda_product_of(&plain, precision);
    SLUICE__TRY(sluice__cuda_multiply(stream, &product));
    if (!args->before_activation) return SLUICE_OK;
    return sluice__cuda_status(sluice__launch_gelu_slope(args->dx, args->before_activation,
                                                         args->rows * args->inputs, product.c_type,
                                                         stream->handle),
                               "the gradient of gelu");
}

sluice_status sluice__cuda_linear_backward_weight(sluice_stream *stream,
                                                  const sluice_linear_backward_weight *args,
                                                  sluice_precision precision) {
    const sluice_matmul plain    = sluice__linear_weight_product(args);
    sluice__cuda_product product = sluice__cuda_product_of(&plain, precision);
    product.c_type               = SLUICE_TYPE_F32;
    SLUICE__TRY(sluice__cuda_multiply(stream, &product));
    if (!args->db) return SLUICE_OK;
    float *const partials = args->scratch;
    SLUICE__TRY(
        sluice__cuda_status(sluice__launch_column_sums(partials, args->dy, args->rows,
                                                       args->outputs, product.type, stream->handle),
                            "summing the gradient of a bias"));
    return sluice__cuda_status(
        sluice__launch_add_partials(args->db, partials,
                                    sluice__blocks(args->rows, SLUICE__COLUMN_SUM_ROWS),
                                    args->outputs, args->first_write, stream->handle),
        "summing the gradient of a bias");
}
