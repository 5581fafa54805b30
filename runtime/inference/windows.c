/* SPDX-License-Identifier: MIT */
/* windows.c -- the loss over a whole sequence of tokens, in windows that may overlap. */
#include "sluice/evaluation.h"

#include <inttypes.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

struct sluice_evaluation {
    sluice_pipeline *pipeline;
    sluice_token_source source;
    int64_t length, stride, windows;
    int64_t first; /* window of the batch that is evaluated */
    sluice_evaluation_result result;
};

/* ---- windows ---- */

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* A window's tokens begin .. begin + count, whose last is a target only; targets from `counted` on
 * count. */
typedef struct window {
    int64_t begin, count, counted;
} window;

static window window_at(const sluice_evaluation *e, int64_t k) {
    const int64_t begin = k * e->stride;
    return (window){begin, smaller(e->length, e->source.tokens - 1 - begin),
                    k > 0 ? e->length - e->stride : 0};
}

static int64_t targets_of(const sluice_evaluation *e, int64_t k) {
    const window w = window_at(e, k);
    return w.count - w.counted;
}

/* What is past the end is token 0, which nothing before it sees. */
static sluice_status load_inputs(void *context, void *to, int64_t first, int64_t samples) {
    const sluice_evaluation *const e = context;
    for (int64_t s = 0; s < samples; s++) {
        const window w      = window_at(e, e->first + first + s);
        int32_t *const into = (int32_t *)to + s * e->length;
        memset(into + w.count, 0, (size_t)(e->length - w.count) * sizeof *into);
        SLUICE__TRY(e->source.read(e->source.context, into, w.begin, w.count));
    }
    return SLUICE_OK;
}

/* A negative target is masked. */
static sluice_status load_targets(void *context, void *to, int64_t first, int64_t samples) {
    const sluice_evaluation *const e = context;
    for (int64_t s = 0; s < samples; s++) {
        const window w      = window_at(e, e->first + first + s);
        int32_t *const into = (int32_t *)to + s * e->length;
        for (int64_t t = 0; t < e->length; t++) into[t] = -1;
        SLUICE__TRY(e->source.read(e->source.context, into + w.counted, w.begin + w.counted + 1,
                                   w.count - w.counted));
    }
    return SLUICE_OK;
}

/* ---- the evaluation ---- */

sluice_status sluice_evaluation_next(sluice_evaluation_result *result, sluice_evaluation *e,
                                     int64_t windows) {
    double nats         = 0;
    e->first            = e->result.windows;
    const int64_t count = smaller(windows, e->windows - e->first);
    if (count > 0) {
        const sluice_batch batch = {
            .samples      = count,
            .total_weight = 1,
            .parts        = {{"inputs", load_inputs, e}, {"targets", load_targets, e}}};
        SLUICE__TRY(sluice_pipeline_evaluate(&nats, e->pipeline, &batch));
    }
    for (int64_t k = 0; k < count; k++) e->result.targets += targets_of(e, e->first + k);
    e->result.windows += count;
    e->result.nats += nats;
    *result = e->result;
    return SLUICE_OK;
}

int64_t sluice_evaluation_windows(const sluice_evaluation *evaluation) {
    return evaluation->windows;
}

/* ---- open ---- */

static sluice_status check_part(const sluice_batch_read *part, int64_t length) {
    const bool is_known = strcmp(part->name, "inputs") == 0 || strcmp(part->name, "targets") == 0;
    if (is_known && part->shape.type == SLUICE_TYPE_I32 &&
        sluice_shape_count(&part->shape) == length)
        return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "the model reads '%s' of a batch, and text gives inputs and targets of "
                        "%" PRId64 " tokens",
                        part->name, length);
}

static sluice_status check(const sluice_model *model, const sluice_token_source *source,
                           int64_t length, int64_t stride) {
    if (sluice_model_weight_per_sample(model) == 0)
        return sluice__fail(SLUICE_E_ARGUMENT, "the model does not end with a loss");
    for (int k = 0; k < sluice_model_batch_count(model); k++)
        SLUICE__TRY(check_part(sluice_model_batch(model, k), length));
    if (source->tokens < 2)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "the data has %" PRId64 " tokens; an evaluation needs at least 2",
                            source->tokens);
    if (stride >= 0 && stride <= length) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "a stride of %" PRId64 " tokens; windows of %" PRId64
                        " tokens may be 1 to %" PRId64 " apart",
                        stride, length, length);
}

/* Windows after the first, so that the last target of the last is the last token. */
static int64_t count_windows(const sluice_evaluation *e) {
    const int64_t left = e->source.tokens - 1 - e->length;
    return left <= 0 ? 1 : 1 + (left + e->stride - 1) / e->stride;
}

sluice_status sluice_evaluation_open(sluice_evaluation **out, sluice_pipeline *pipeline,
                                     const sluice_model *model, const sluice_token_source *source,
                                     int64_t stride) {
    const int64_t length = sluice_shape_count(&sluice_model_batch(model, 0)->shape);
    sluice_evaluation *e = NULL;
    SLUICE__TRY(check(model, source, length, stride));
    SLUICE__TRY(sluice__alloc(&e, 1, sizeof *e));
    e->pipeline = pipeline;
    e->source   = *source;
    e->length   = length;
    e->stride   = stride > 0 ? stride : length;
    e->windows  = count_windows(e);
    *out        = e;
    return SLUICE_OK;
}

void sluice_evaluation_close(sluice_evaluation *evaluation) {
    sluice__free(evaluation);
}

/* ---- a corpus as a source ---- */

static sluice_status read_corpus(const void *context, int32_t *to, int64_t first, int64_t count) {
    return sluice_corpus_read(to, context, first, count);
}

sluice_token_source sluice_corpus_source(const sluice_corpus *corpus) {
    return (sluice_token_source){read_corpus, corpus, sluice_corpus_tokens(corpus)};
}
