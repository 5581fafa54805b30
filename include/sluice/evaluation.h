/* SPDX-License-Identifier: MIT */
/*
 * evaluation.h -- the loss of a model over a whole sequence of tokens, in windows that may overlap.
 *
 * Window k begins at token k * stride. The first window counts all its targets, every other one
 * only those that no window before it has counted, which are at most the last `stride`: each has at
 * least length - stride tokens before it to go by. The last window may be short. Every token but
 * the first is counted once.
 *
 *     tokens   0 1 2 3 4 5 6 7 8 9     length 4, stride 2: targets that count are in brackets
 *     window 0 0[1 2 3 4]
 *     window 1     2 3 4[5 6]
 *     window 2         4 5 6[7 8]
 *     window 3             6 7 8[9]
 */
#ifndef SLUICE_EVALUATION_H
#define SLUICE_EVALUATION_H

#include <stddef.h>
#include <stdint.h>

#include "sluice/data.h"
#include "sluice/model.h"
#include "sluice/pipeline.h"
#include "sluice/status.h"

/* A sequence of tokens, read piece by piece, on any thread. */
typedef sluice_status sluice_read_tokens(const void *context, int32_t *to, int64_t first,
                                         int64_t count);
typedef struct sluice_token_source {
    sluice_read_tokens *read;
    const void *context;
    int64_t tokens; /* how many there are */
} sluice_token_source;

/* All tokens of a corpus, whatever its windows are. */
SLUICE_API sluice_token_source sluice_corpus_source(const sluice_corpus *corpus);

typedef struct sluice_evaluation sluice_evaluation;

/*
 * Windows are as long as the model's sequences; `stride` is at most that, 0: just that. The
 * pipeline, which may be one for inference, and what the source reads must outlive the evaluation.
 * Release with sluice_evaluation_close().
 * E_ARGUMENT (fewer than two tokens, a stride out of range, a model of other inputs or without a
 * loss), E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_evaluation_open(sluice_evaluation **out, sluice_pipeline *pipeline,
                                                const sluice_model *model,
                                                const sluice_token_source *source, int64_t stride);
SLUICE_API void sluice_evaluation_close(sluice_evaluation *evaluation); /* NULL is fine */

SLUICE_API int64_t sluice_evaluation_windows(const sluice_evaluation *evaluation); /* of all */

typedef struct sluice_evaluation_result {
    int64_t windows; /* so far */
    int64_t targets; /* that count, in those */
    double nats;     /* sum of -log p over them */
} sluice_evaluation_result;

/* The next `windows` windows, or as many as are left; `*result` gets what is known so far. What
 * sluice_pipeline_evaluate() returns; E_CALLBACK: tokens cannot be read. */
SLUICE_API sluice_status sluice_evaluation_next(sluice_evaluation_result *result,
                                                sluice_evaluation *evaluation, int64_t windows);

#endif
