/* SPDX-License-Identifier: MIT */
/* layernorm.c -- layer normalization over the last dimension, row by row. */
#include "runtime/base/error.h"
#include "runtime/device/blocks.h"
#include "runtime/device/cuda/cuda.h"

sluice_status sluice__cuda_layernorm(sluice_stream *stream, const sluice_layernorm *args) {
    return sluice__cuda_status(sluice__launch_layernorm(args, stream->handle), "layernorm");
}

sluice_status sluice__cuda_layernorm_backward(sluice_stream *stream,
                                              const sluice_layernorm_backward *args) {
    static const char what[] = "the gradient of layernorm";
    const int64_t blocks     = sluice__blocks(args->rows, SLUICE__COLUMN_SUM_ROWS);
    float *const gains = args->scratch, *const biases = gains + blocks * args->width;
    SLUICE__TRY(sluice__cuda_status(sluice__launch_layernorm_columns(args, stream->handle), what));
    SLUICE__TRY(
        sluice__cuda_status(sluice__launch_add_partials(args->dgain, gains, blocks, args->width,
                                                        args->first_write, stream->handle),
                            what));
    SLUICE__TRY(
        sluice__cuda_status(sluice__launch_add_partials(args->dbias, biases, blocks, args->width,
                                                        args->first_write, stream->handle),
                            what));
    if (!args->dx) return SLUICE_OK;
    return sluice__cuda_status(sluice__launch_layernorm_input(args, stream->handle), what);
}
