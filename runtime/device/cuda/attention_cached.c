/* SPDX-License-Identifier: MIT */
/* attention_cached.c -- attention of the next rows of a sequence, with a cache of keys and values.
 */
#include "runtime/device/arguments.h"
#include "runtime/device/cuda/cuda.h"

sluice_status sluice__cuda_attention_cached(sluice_stream *stream,
                                            const sluice_attention_cached *args,
                                            sluice_precision precision) {
    SLUICE__TRY(sluice__check_cache(args));
    SLUICE__TRY(sluice__cuda_check_heads(args->head_width));
    return sluice__cuda_status(
        sluice__launch_attention_cached(args, sluice_precision_type(precision), stream->handle),
        "attention with a cache");
}
