/* SPDX-License-Identifier: MIT */
/* generator.c -- a sequence that a pipeline goes through token by token. */
#include <inttypes.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "sluice/generation.h"

/* The programs of the plan. */
enum { PROMPT, SINGLE };

static const sluice_plan_forward single = {"single tokens", 1, 1};

/* No micro-batch is longer than the cache: devices warm up with whole ones. */
void sluice_generation_options(sluice_pipeline_options *options, int microbatches,
                               int64_t capacity) {
    const int64_t tokens   = capacity < SLUICE_PROMPT_TOKENS ? capacity : SLUICE_PROMPT_TOKENS;
    options->samples       = microbatches * tokens;
    options->inference     = true;
    options->forwards      = &single;
    options->forward_count = 1;
}

struct sluice_generator {
    sluice_pipeline *pipeline;
    int64_t vocabulary, capacity, tokens;
    const int32_t *adding;
    sluice_sampling sampling; /* of the token that is chosen now, */
    int64_t number;           /* and its number */
};

/* ---- tokens ---- */

static sluice_status load_tokens(void *context, void *to, int64_t first, int64_t samples) {
    const sluice_generator *const g = context;
    memcpy(to, g->adding + first, (size_t)samples * sizeof *g->adding);
    return SLUICE_OK;
}

static sluice_status check_tokens(const sluice_generator *g, const int32_t *tokens, int64_t count) {
    if (count < 1 || count > g->capacity - g->tokens)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "%" PRId64 " tokens after %" PRId64 "; a sequence has at most %" PRId64,
                            count, g->tokens, g->capacity);
    for (int64_t k = 0; k < count; k++)
        if (tokens[k] < 0 || tokens[k] >= sluice_generator_vocabulary(g))
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "token %" PRId32 " is not one of the model's %" PRId64, tokens[k],
                                sluice_generator_vocabulary(g));
    return SLUICE_OK;
}

sluice_status sluice_generator_add(int32_t *next, sluice_generator *g, const int32_t *tokens,
                                   int64_t count, const sluice_chooser *chooser) {
    SLUICE__TRY(check_tokens(g, tokens, count));
    g->adding                = tokens;
    const sluice_batch batch = {
        .samples = count, .total_weight = 1, .parts = {{"inputs", load_tokens, g}}};
    SLUICE__TRY(sluice_pipeline_forward(next, g->pipeline, count == 1 ? SINGLE : PROMPT, &batch,
                                        g->tokens, chooser));
    g->tokens += count;
    return SLUICE_OK;
}

static sluice_status choose_next(int32_t *token, void *context, const float *logits,
                                 int64_t count) {
    const sluice_generator *const g = context;
    return sluice_next_token(token, logits, count, &g->sampling, g->number);
}

sluice_status sluice_generator_next(int32_t *next, sluice_generator *g, const int32_t *tokens,
                                    int64_t count, const sluice_sampling *sampling,
                                    int64_t number) {
    g->sampling = *sampling;
    g->number   = number;
    return sluice_generator_add(next, g, tokens, count, &(sluice_chooser){choose_next, g});
}

int64_t sluice_generator_vocabulary(const sluice_generator *generator) {
    return generator->vocabulary;
}

int64_t sluice_generator_tokens(const sluice_generator *generator) {
    return generator->tokens;
}

int64_t sluice_generator_capacity(const sluice_generator *generator) {
    return generator->capacity;
}

void sluice_generator_reset(sluice_generator *generator) {
    generator->tokens = 0;
}

/* ---- open ---- */

/* Positions of the smallest cache; 0: no layer has one. */
static sluice_status find_capacity(int64_t *out, const sluice_model *model) {
    sluice_layer_description d;
    *out = 0;
    for (int l = 0; l < sluice_model_layer_count(model) - 1; l++) {
        SLUICE__TRY(sluice_model_describe(&d, model, l, 1, SLUICE_PRECISION_FP32));
        for (int k = 0; k < d.state_count; k++)
            if (d.states[k].lifetime == SLUICE_LIFETIME_SEQUENCE &&
                (*out == 0 || d.states[k].shape.dims[0] < *out))
                *out = d.states[k].shape.dims[0];
    }
    return SLUICE_OK;
}

static sluice_status find_sizes(sluice_generator *g, const sluice_model *model) {
    sluice_layer_description d = {0};
    const int last             = sluice_model_layer_count(model) - 1;
    SLUICE__TRY(find_capacity(&g->capacity, model));
    if (last >= 0) SLUICE__TRY(sluice_model_describe(&d, model, last, 1, SLUICE_PRECISION_FP32));
    if (!d.is_end || d.state_count < 1 || g->capacity < 1)
        return sluice__fail(SLUICE_E_ARGUMENT, "the model does not generate: its last layer keeps "
                                               "no logits, or no layer keeps keys and values");
    g->vocabulary = sluice_shape_count(&d.states[0].shape);
    return SLUICE_OK;
}

sluice_status sluice_generator_open(sluice_generator **out, sluice_pipeline *pipeline,
                                    const sluice_model *model) {
    sluice_generator *g = NULL;
    SLUICE__TRY(sluice__alloc(&g, 1, sizeof *g));
    g->pipeline                = pipeline;
    const sluice_status status = find_sizes(g, model);
    if (status == SLUICE_OK)
        *out = g;
    else
        sluice_generator_close(g);
    return status;
}

void sluice_generator_close(sluice_generator *generator) {
    sluice__free(generator);
}
