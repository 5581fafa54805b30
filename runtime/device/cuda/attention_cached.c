/* SPDX-License-Identifier: MIT */
/* attention_cached.c -- attention of the next rows of a sequence, with a cache of keys and values.
 */
#include "runtime/base/error.h"
#include "runtime/device/arguments.h"
#include "runtime/device/cuda/cuda.h"

sluice_status sluice__cuda_attention_cached(sluice_stream *stream,
                                            const sluice_attention_cached *args,
                                            sluice_precision precision) {
    (void)precision;
    SLUICE__TRY(sluice__check_cache(args));
    if (args->head_width > SLUICE__CUDA_HEAD_WIDTH) {
        const sluice_status status = sluice__fail(
            SLUICE_E_UNSUPPORTED, "heads are %" PRId64 " wide, and attention on cuda goes up to %d",
            args->head_width, SLUICE__CUDA_HEAD_WIDTH);
        return sluice__hint(status, "use --device cpu");
    }
    return sluice__cuda_status(sluice__launch_attention_cached(args, stream->handle),
                               "attention with a cache");
}
