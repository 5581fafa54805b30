/* SPDX-License-Identifier: MIT */
/* elementwise.c -- operations on flat arrays. */
#include "runtime/base/error.h"
#include "runtime/device/cuda/cuda.h"

sluice_status sluice__cuda_relu(sluice_stream *stream, float *y, const float *x, int64_t count) {
    return sluice__cuda_relu_backward(stream, y, x, x, count);
}

sluice_status sluice__cuda_relu_backward(sluice_stream *stream, float *dx, const float *dy,
                                         const float *x, int64_t count) {
    return sluice__cuda_status(sluice__launch_keep_positive(dx, dy, x, count, stream->handle),
                               "relu");
}

/* Pointers travel with the launch, so that there is no table to keep. */
sluice_status sluice__cuda_sum(sluice_stream *stream, float *out, const float *const *inputs,
                               int terms, int64_t count) {
    if (terms == 0)
        return sluice__cuda_status(
            cudaMemsetAsync(out, 0, (size_t)count * sizeof *out, stream->handle), "clearing a sum");
    if (terms > SLUICE__CUDA_SUM_TERMS)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "a sum of %d arrays, and cuda adds up to %d at once", terms,
                            SLUICE__CUDA_SUM_TERMS);
    return sluice__cuda_status(sluice__launch_sum(out, inputs, terms, count, stream->handle),
                               "summing arrays");
}

sluice_status sluice__cuda_squared_error(sluice_stream *stream, const sluice_squared_error *args) {
    return sluice__cuda_status(sluice__launch_squared_error(args, stream->partials, stream->handle),
                               "the squared error");
}
