/* SPDX-License-Identifier: MIT */
/* gpt.c -- models of the GPT-2 family (Radford et al. 2019): presets, and a model's layers. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "sluice/model.h"

/* A vocabulary of 0 is the caller's choice. */
static const struct {
    const char *name;
    sluice_gpt_config config;
} presets[] = {
    {"gpt-nano", {0, 128, 64, 4, 4, true, 0}},
    {"gpt-mini", {0, 256, 128, 6, 4, true, 0}},
    {"gpt2-124m", {50257, 1024, 768, 12, 12, true, 0}},
    {"gpt2-350m", {50257, 1024, 1024, 24, 16, true, 0}},
    {"gpt2-774m", {50257, 1024, 1280, 36, 20, true, 0}},
    {"gpt2-1.5b", {50257, 1024, 1600, 48, 25, true, 0}},
};
enum { PRESETS = sizeof presets / sizeof *presets };

/* Blocks are told apart by number in a name of this many bytes. */
enum { NAME = 48, MOST_LAYERS = 10000 };

/* GPT-2's standard deviation of initial weights. */
static const float initial_scale = 0.02F;

static sluice_status refuse_preset(const char *name) {
    char names[256] = "";
    size_t length   = 0;
    for (int i = 0; i < PRESETS; i++)
        length += (size_t)snprintf(names + length, sizeof names - length, "%s%s", i > 0 ? ", " : "",
                                   presets[i].name);
    const sluice_status status =
        sluice__fail(SLUICE_E_ARGUMENT, "no model preset is called '%s'", name);
    return sluice__hint(status, "choose one of %s", names);
}

sluice_status sluice_gpt_preset(sluice_gpt_config *out, const char *name, int64_t vocabulary) {
    for (int i = 0; i < PRESETS; i++) {
        if (strcmp(presets[i].name, name) != 0) continue;
        sluice_gpt_config config = presets[i].config;
        if (config.vocabulary == 0) config.vocabulary = vocabulary;
        if (config.vocabulary < 1)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "%s is given a vocabulary of %" PRId64 "; it must be at least 1",
                                name, vocabulary);
        *out = config;
        return SLUICE_OK;
    }
    return refuse_preset(name);
}

static sluice_status check_config(const sluice_gpt_config *config, int64_t length) {
    if (config->layers < 1 || config->layers > MOST_LAYERS)
        return sluice__fail(SLUICE_E_ARGUMENT, "a GPT has %" PRId64 " layers; it may have 1 to %d",
                            config->layers, MOST_LAYERS);
    if (config->width > INT64_MAX / 4)
        return sluice__fail(SLUICE_E_ARGUMENT, "a GPT of width %" PRId64 " is too large",
                            config->width);
    if (length >= 1 && length <= config->positions) return SLUICE_OK;
    const sluice_status status = sluice__fail(
        SLUICE_E_ARGUMENT, "sequences have %" PRId64 " tokens; this GPT takes 1 to %" PRId64,
        length, config->positions);
    return sluice__hint(status,
                        "choose a length of at most %" PRId64 ", or a model with more positions",
                        config->positions);
}

static sluice_status add_block(sluice_model *model, const sluice_gpt_config *config, int64_t n) {
    /* The residual stream adds up 2 * layers projections: each starts as much smaller. */
    const float projection = initial_scale / sqrtf(2 * (float)config->layers);
    char name[NAME];
    (void)snprintf(name, sizeof name, "transformer.h.%" PRId64 ".attn", n);
    SLUICE__TRY(sluice_model_add(model, sluice_layer_attention(),
                                 &(sluice_attention_config){.width            = config->width,
                                                            .heads            = config->heads,
                                                            .scale            = initial_scale,
                                                            .projection_scale = projection,
                                                            .dropout          = config->dropout},
                                 name));
    (void)snprintf(name, sizeof name, "transformer.h.%" PRId64 ".mlp", n);
    return sluice_model_add(model, sluice_layer_mlp(),
                            &(sluice_mlp_config){.width            = config->width,
                                                 .hidden           = 4 * config->width,
                                                 .scale            = initial_scale,
                                                 .projection_scale = projection,
                                                 .dropout          = config->dropout},
                            name);
}

static sluice_status add_layers(sluice_model *model, const sluice_gpt_config *config) {
    SLUICE__TRY(sluice_model_add(model, sluice_layer_embedding(),
                                 &(sluice_embedding_config){config->vocabulary, config->positions,
                                                            config->width, initial_scale,
                                                            initial_scale, config->dropout},
                                 "transformer"));
    for (int64_t n = 0; n < config->layers; n++) SLUICE__TRY(add_block(model, config, n));
    SLUICE__TRY(sluice_model_add(model, sluice_layer_layernorm(),
                                 &(sluice_layernorm_config){.width = config->width},
                                 "transformer.ln_f"));
    SLUICE__TRY(sluice_model_add(
        model, sluice_layer_classifier(),
        &(sluice_classifier_config){config->width, config->vocabulary, initial_scale}, "lm_head"));
    return config->tied ? sluice_model_tie(model, "lm_head.weight", "transformer.wte.weight")
                        : SLUICE_OK;
}

sluice_status sluice_gpt_model(sluice_model **out, const sluice_gpt_config *config,
                               int64_t length) {
    SLUICE__TRY(check_config(config, length));
    sluice_model *model  = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_I32, 1, {length}}));
    SLUICE__TRY_OUT(add_layers(model, config));
    *out  = model;
    model = NULL; /* now the caller's */
out:
    sluice_model_free(model);
    return status;
}
