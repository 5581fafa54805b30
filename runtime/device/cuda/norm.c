/* SPDX-License-Identifier: MIT */
/* norm.c -- layer and RMS normalization over the last dimension, row by row. */
#include "runtime/base/error.h"
#include "runtime/device/blocks.h"
#include "runtime/device/cuda/cuda.h"

sluice_status sluice__cuda_norm(sluice_stream *stream, const sluice_norm *args,
                                sluice_precision precision) {
    return sluice__cuda_status(
        sluice__launch_norm(args, sluice_precision_type(precision), stream->handle), "a norm");
}

sluice_status sluice__cuda_norm_backward(sluice_stream *stream, const sluice_norm_backward *args,
                                         sluice_precision precision) {
    static const char what[] = "the gradient of a norm";
    const int64_t blocks     = sluice__blocks(args->rows, SLUICE__COLUMN_SUM_ROWS);
    float *const gains = args->scratch, *const biases = gains + blocks * args->width;
    SLUICE__TRY(sluice__cuda_status(
        sluice__launch_norm_columns(args, sluice_precision_type(precision), stream->handle), what));
    SLUICE__TRY(
        sluice__cuda_status(sluice__launch_add_partials(args->dgain, gains, blocks, args->width,
                                                        args->first_write, stream->handle),
                            what));
    if (args->dbias)
        SLUICE__TRY(sluice__cuda_status(sluice__launch_add_partials(args->dbias, biases, blocks,
                                                                    args->width, args->first_write,
                                                                    stream->handle),
                                        what));
    if (!args->dx) return SLUICE_OK;
    return sluice__cuda_status(
        sluice__launch_norm_input(args, sluice_precision_type(precision), stream->handle), what);
}
