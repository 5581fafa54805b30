/* SPDX-License-Identifier: MIT */
/* swiglu.c -- the product of a gate and what goes through it, and its gradient. */
#include "runtime/device/cuda/cuda.h"

sluice_status sluice__cuda_swiglu(sluice_stream *stream, const sluice_swiglu *args,
                                  sluice_precision precision) {
    return sluice__cuda_status(
        sluice__launch_swiglu(args, sluice_precision_type(precision), stream->handle), "a gate");
}

sluice_status sluice__cuda_swiglu_backward(sluice_stream *stream,
                                           const sluice_swiglu_backward *args,
                                           sluice_precision precision) {
    return sluice__cuda_status(
        sluice__launch_swiglu_backward(args, sluice_precision_type(precision), stream->handle),
        "the gradient of a gate");
}
