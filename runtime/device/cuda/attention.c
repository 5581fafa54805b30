/* SPDX-License-Identifier: MIT */
/* attention.c -- causal self-attention; shapes that the kernels do not support are refused here. */
#include <inttypes.h>

#include "runtime/base/error.h"
#include "runtime/device/cuda/cuda.h"

sluice_status sluice__cuda_check_heads(int64_t head_width) {
    if (head_width <= SLUICE__CUDA_HEAD_WIDTH) return SLUICE_OK;
    const sluice_status status = sluice__fail(
        SLUICE_E_UNSUPPORTED, "heads are %" PRId64 " wide, and attention on cuda goes up to %d",
        head_width, SLUICE__CUDA_HEAD_WIDTH);
    return sluice__hint(status, "use more heads, or --device cpu");
}

sluice_status sluice__cuda_attention(sluice_stream *stream, const sluice_attention *args,
                                     sluice_precision precision) {
    SLUICE__TRY(sluice__cuda_check_heads(args->head_width));
    return sluice__cuda_status(
        sluice__launch_attention(args, sluice_precision_type(precision), stream->handle),
        "attention");
}

sluice_status sluice__cuda_attention_backward(sluice_stream *stream,
                                              const sluice_attention_backward *args,
                                              sluice_precision precision) {
    SLUICE__TRY(sluice__cuda_check_heads(args->head_width));
    return sluice__cuda_status(
        sluice__launch_attention_backward(args, sluice_precision_type(precision), stream->handle),
        "the gradient of attention");
}
