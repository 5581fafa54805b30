/* SPDX-License-Identifier: MIT */
/* generator.c -- a sequence that a pipeline goes through token by token, and its latest logits. */
#include <inttypes.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/convert.h"
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
    int last; /* layer, which has the logits */
    sluice_shape shape;
    int64_t capacity, tokens;
    void *read;    /* the logits in the layer's type */
    float *logits; /* NULL: they are the ones that were read */
    const int32_t *adding;
};

/* ---- tokens ---- */

static sluice_status load_tokens(void *context, void *to, int64_t first, int64_t samples) {
    const sluice_generator *const g = context;
    memcpy(to, g->adding + first, (size_t)samples * sizeof *g->adding);
    return SLUICE_OK;
}

static sluice_status check_tokens(const sluice_generator *g, const int32_t *tokens, int64_t count) {
    if (count < 1 || g->tokens + count > g->capacity)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "%" PRId64 " tokens after %" PRId64
                            "; the sequence has room for %" PRId64 " in all",
                            count, g->tokens, g->capacity);
    for (int64_t k = 0; k < count; k++)
        if (tokens[k] < 0 || tokens[k] >= sluice_generator_vocabulary(g))
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "token %" PRId32 " is not one of the model's %" PRId64, tokens[k],
                                sluice_generator_vocabulary(g));
    return SLUICE_OK;
}

static sluice_status read_logits(sluice_generator *g) {
    SLUICE__TRY(sluice_pipeline_read_layer(g->read, sluice_shape_bytes(&g->shape), g->pipeline,
                                           g->last, 0));
    if (g->logits)
        sluice__convert(g->logits, SLUICE_TYPE_F32, g->read, g->shape.type,
                        sluice_shape_count(&g->shape));
    return SLUICE_OK;
}

sluice_status sluice_generator_add(sluice_generator *g, const int32_t *tokens, int64_t count) {
    SLUICE__TRY(check_tokens(g, tokens, count));
    g->adding                = tokens;
    const sluice_batch batch = {
        .samples = count, .total_weight = 1, .parts = {{"inputs", load_tokens, g}}};
    SLUICE__TRY(
        sluice_pipeline_forward(g->pipeline, count == 1 ? SINGLE : PROMPT, &batch, g->tokens));
    g->tokens += count;
    return read_logits(g);
}

const float *sluice_generator_logits(const sluice_generator *generator) {
    if (generator->tokens == 0) return NULL;
    return generator->logits ? generator->logits : generator->read;
}

int64_t sluice_generator_vocabulary(const sluice_generator *generator) {
    return sluice_shape_count(&generator->shape);
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

static sluice_status find_logits(sluice_generator *g, const sluice_model *model) {
    sluice_layer_description d = {0};
    g->last                    = sluice_model_layer_count(model) - 1;
    if (g->last >= 0)
        SLUICE__TRY(sluice_model_describe(&d, model, g->last, 1, SLUICE_PRECISION_FP32));
    if (!d.is_end || d.state_count < 1 || g->capacity < 1)
        return sluice__fail(SLUICE_E_ARGUMENT, "the model does not generate: its last layer keeps "
                                               "no logits, or no layer keeps keys and values");
    g->shape = d.states[0].shape;
    return SLUICE_OK;
}

static sluice_status make_generator(sluice_generator *g, const sluice_model *model) {
    SLUICE__TRY(find_capacity(&g->capacity, model));
    SLUICE__TRY(find_logits(g, model));
    SLUICE__TRY(sluice__alloc(&g->read, sluice_shape_bytes(&g->shape), 1));
    if (g->shape.type == SLUICE_TYPE_F32) return SLUICE_OK;
    return sluice__alloc(&g->logits, (size_t)sluice_shape_count(&g->shape), sizeof *g->logits);
}

sluice_status sluice_generator_open(sluice_generator **out, sluice_pipeline *pipeline,
                                    const sluice_model *model) {
    sluice_generator *g = NULL;
    SLUICE__TRY(sluice__alloc(&g, 1, sizeof *g));
    g->pipeline                = pipeline;
    const sluice_status status = make_generator(g, model);
    if (status == SLUICE_OK)
        *out = g;
    else
        sluice_generator_close(g);
    return status;
}

void sluice_generator_close(sluice_generator *generator) {
    if (!generator) return;
    sluice__free(generator->read);
    sluice__free(generator->logits);
    sluice__free(generator);
}
