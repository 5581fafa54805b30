/* SPDX-License-Identifier: MIT */
/* head_norm.c -- RMS normalization of each query and key head of a row. */
#include "runtime/base/error.h"
#include "runtime/device/blocks.h"
#include "runtime/device/cuda/cuda.h"

sluice_status sluice__cuda_head_norm(sluice_stream *stream, const sluice_head_norm *args,
                                     sluice_precision precision) {
    return sluice__cuda_status(
        sluice__launch_head_norm(args, sluice_precision_type(precision), stream->handle),
        "a norm of heads");
}

/* The gradients of the gains read what that of the input is written over. */
sluice_status sluice__cuda_head_norm_backward(sluice_stream *stream,
                                              const sluice_head_norm_backward *args,
                                              sluice_precision precision) {
    static const char what[] = "the gradient of a norm of heads";
    const int64_t blocks     = sluice__blocks(args->rows, SLUICE__COLUMN_SUM_ROWS);
    const int64_t width      = args->head_width;
    const float *const sums  = args->scratch;
    SLUICE__TRY(sluice__cuda_status(
        sluice__launch_head_norm_columns(args, sluice_precision_type(precision), stream->handle),
        what));
    SLUICE__TRY(sluice__cuda_status(sluice__launch_add_partials(args->dq_gain, sums, blocks, width,
                                                                args->first_write, stream->handle),
                                    what));
    SLUICE__TRY(sluice__cuda_status(
        sluice__launch_add_partials(args->dk_gain, sums + blocks * width, blocks, width,
                                    args->first_write, stream->handle),
        what));
    return sluice__cuda_status(
        sluice__launch_head_norm_input(args, sluice_precision_type(precision), stream->handle),
        what);
}
