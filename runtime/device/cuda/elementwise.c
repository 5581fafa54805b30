/* SPDX-License-Identifier: MIT */
/* elementwise.c -- operations on flat arrays. */
#include "runtime/base/error.h"
#include "runtime/device/cuda/cuda.h"

static sluice_status keep_positive(sluice_stream *stream, void *y, const void *x, const void *where,
                                   int64_t count, sluice_precision precision) {
    return sluice__cuda_status(sluice__launch_keep_positive(y, x, where, count,
                                                            sluice_precision_type(precision),
                                                            stream->handle),
                               "relu");
}

sluice_status sluice__cuda_relu(sluice_stream *stream, const sluice_relu *args,
                                sluice_precision precision) {
    return keep_positive(stream, args->y, args->x, args->x, args->count, precision);
}

sluice_status sluice__cuda_relu_backward(sluice_stream *stream, const sluice_relu_backward *args,
                                         sluice_precision precision) {
    return keep_positive(stream, args->dx, args->dy, args->x, args->count, precision);
}

/* Pointers are parameters of the launch, so that no table is needed. */
sluice_status sluice__cuda_sum(sluice_stream *stream, const sluice_sum *args,
                               sluice_precision precision) {
    (void)precision;
    if (args->terms == 0)
        return sluice__cuda_status(
            cudaMemsetAsync(args->out, 0, (size_t)args->count * sizeof *args->out, stream->handle),
            "clearing a sum");
    if (args->terms > SLUICE__CUDA_SUM_TERMS)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "a sum of %d arrays, and cuda adds up to %d at once", args->terms,
                            SLUICE__CUDA_SUM_TERMS);
    return sluice__cuda_status(
        sluice__launch_sum(args->out, args->inputs, args->terms, args->count, stream->handle),
        "summing arrays");
}

sluice_status sluice__cuda_squared_error(sluice_stream *stream, const sluice_squared_error *args,
                                         sluice_precision precision) {
    return sluice__cuda_status(sluice__launch_squared_error(args, stream->partials,
                                                            sluice_precision_type(precision),
                                                            stream->handle),
                               "the squared error");
}
