/* SPDX-License-Identifier: MIT */
/* embedding.c -- rows of tables by token and position. A token outside the table is noted on the
 * device and reported with the end of an event that was recorded later, or by synchronize(). */
#include "runtime/base/error.h"
#include "runtime/device/cuda/cuda.h"

static sluice_status check_tokens(sluice_stream *stream, const int32_t *tokens, int64_t count,
                                  int64_t vocabulary) {
    return sluice__cuda_status(sluice__launch_check(stream->fault, tokens, count, vocabulary, false,
                                                    SLUICE__FAULT_TOKEN, stream->epoch,
                                                    stream->handle),
                               "checking tokens");
}

sluice_status sluice__cuda_embedding(sluice_stream *stream, const sluice_embedding *args,
                                     sluice_precision precision) {
    SLUICE__TRY(check_tokens(stream, args->tokens, args->samples * args->length, args->vocabulary));
    return sluice__cuda_status(
        sluice__launch_embedding(args, sluice_precision_type(precision), stream->handle),
        "embedding");
}

sluice_status sluice__cuda_embedding_backward(sluice_stream *stream,
                                              const sluice_embedding_backward *args,
                                              sluice_precision precision) {
    static const char what[] = "the gradient of embedding";
    SLUICE__TRY(check_tokens(stream, args->tokens, args->samples * args->length, args->vocabulary));
    const size_t row = (size_t)args->width * sizeof(float);
    if (args->first_write) {
        SLUICE__TRY(sluice__cuda_status(
            cudaMemsetAsync(args->dtable, 0, (size_t)args->vocabulary * row, stream->handle),
            what));
        if (args->dpositions)
            SLUICE__TRY(sluice__cuda_status(
                cudaMemsetAsync(args->dpositions, 0, (size_t)args->positions * row, stream->handle),
                what));
    }
    return sluice__cuda_status(
        sluice__launch_embedding_backward(args, sluice_precision_type(precision), stream->handle),
        what);
}
