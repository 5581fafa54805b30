/* SPDX-License-Identifier: MIT */
/* dropout.c -- the product of a tensor with dropout's random factors. */
#include "runtime/device/cuda/cuda.h"

sluice_status sluice__cuda_drop(sluice_stream *stream, const sluice_drop *args,
                                sluice_precision precision) {
    return sluice__cuda_status(
        sluice__launch_drop(args, sluice_precision_type(precision), stream->handle), "dropout");
}
