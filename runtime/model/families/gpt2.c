/* SPDX-License-Identifier: MIT */
/* gpt2.c -- the GPT-2 family (Radford et al. 2019): presets, the keys of its config.json that
 * change the arithmetic, and a model's layers. */
#include "sluice/gpt2.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/model/families/families.h"
#include "runtime/model/families/hub_fields.h"

static_assert(sizeof(sluice_gpt_config) <= sizeof(((sluice_model_config *)0)->own),
              "a sluice_model_config holds a configuration of this family");

/* ---- presets: where the vocabulary is 0, the caller chooses it ---- */

static const char *const preset_names[]  = {"gpt-nano",  "gpt-mini",  "gpt2-124m", "gpt2-350m",
                                            "gpt2-774m", "gpt2-1.5b", NULL};
static const sluice_gpt_config presets[] = {
    {0, 128, 64, 4, 4, true, 0},          {0, 256, 128, 6, 4, true, 0},
    {50257, 1024, 768, 12, 12, true, 0},  {50257, 1024, 1024, 24, 16, true, 0},
    {50257, 1024, 1280, 36, 20, true, 0}, {50257, 1024, 1600, 48, 25, true, 0},
};
enum { PRESETS = sizeof presets / sizeof *presets };
static_assert(PRESETS + 1 == sizeof preset_names / sizeof *preset_names, "a name for each");

/* Bytes of a layer name, which contains the number of its block. */
enum { NAME = 48, MAX_LAYERS = 10000 };

/* The vocabulary of GPT-2's tokenizer, whose last token ends a text and begins the next. */
enum { GPT2_VOCABULARY = 50257 };

sluice_status sluice_gpt_preset(sluice_gpt_config *out, const char *name, int64_t vocabulary) {
    for (int i = 0; i < PRESETS; i++) {
        if (strcmp(preset_names[i], name) != 0) continue;
        sluice_gpt_config config = presets[i];
        if (config.vocabulary == 0) config.vocabulary = vocabulary;
        if (config.vocabulary < 1)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "%s is given a vocabulary of %" PRId64 "; it must be at least 1",
                                name, vocabulary);
        *out = config;
        return SLUICE_OK;
    }
    return sluice__refuse_preset(name, (const sluice_family *[]){&sluice__family_gpt2.about, NULL});
}

/* ---- layers ---- */

static sluice_status check_config(const sluice_gpt_config *config, int64_t length) {
    if (config->layers < 1 || config->layers > MAX_LAYERS)
        return sluice__fail(SLUICE_E_ARGUMENT, "a GPT has %" PRId64 " layers; it may have 1 to %d",
                            config->layers, MAX_LAYERS);
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

/* `scale` is the standard deviation of initial weights; `cache`: positions of a model that
 * generates, else 0. */
static sluice_status add_block(sluice_model *model, const sluice_gpt_config *config, float scale,
                               int64_t cache, int64_t n) {
    /* The residual stream sums 2 * layers projections: each starts smaller by its root. */
    const float projection = scale / sqrtf(2 * (float)config->layers);
    char name[NAME];
    (void)snprintf(name, sizeof name, "transformer.h.%" PRId64 ".attn", n);
    SLUICE__TRY(sluice_model_add(model, sluice_layer_attention(),
                                 &(sluice_attention_config){.width            = config->width,
                                                            .heads            = config->heads,
                                                            .scale            = scale,
                                                            .projection_scale = projection,
                                                            .dropout          = config->dropout,
                                                            .cache            = cache},
                                 name));
    (void)snprintf(name, sizeof name, "transformer.h.%" PRId64 ".mlp", n);
    return sluice_model_add(model, sluice_layer_mlp(),
                            &(sluice_mlp_config){.width            = config->width,
                                                 .hidden           = 4 * config->width,
                                                 .scale            = scale,
                                                 .projection_scale = projection,
                                                 .dropout          = config->dropout},
                            name);
}

static sluice_status add_layers(sluice_model *model, const sluice_gpt_config *config, float scale,
                                int64_t cache) {
    SLUICE__TRY(sluice_model_add(model, sluice_layer_embedding(),
                                 &(sluice_embedding_config){.vocabulary     = config->vocabulary,
                                                            .positions      = config->positions,
                                                            .width          = config->width,
                                                            .scale          = scale,
                                                            .position_scale = scale,
                                                            .dropout        = config->dropout,
                                                            .generates      = cache > 0},
                                 "transformer"));
    for (int64_t n = 0; n < config->layers; n++)
        SLUICE__TRY(add_block(model, config, scale, cache, n));
    SLUICE__TRY(sluice_model_add(model, sluice_layer_layernorm(),
                                 &(sluice_layernorm_config){.width = config->width},
                                 "transformer.ln_f"));
    const sluice_classifier_config head = {config->width, config->vocabulary, scale};
    SLUICE__TRY(sluice__add_head(model, &head, cache > 0));
    return config->tied ? sluice_model_tie(model, "lm_head.weight", "transformer.wte.weight")
                        : SLUICE_OK;
}

/* The configuration was checked. A model of sequences of `length` tokens, or, where `cache` > 0, of
 * single tokens of a sequence of so many. */
static sluice_status build(sluice_model **out, const sluice_gpt_config *config, double range,
                           int64_t length, int64_t cache) {
    sluice_model *model  = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_I32, 1, {length}}));
    SLUICE__TRY_OUT(add_layers(model, config, (float)range, cache));
    *out  = model;
    model = NULL; /* now the caller's */
out:
    sluice_model_free(model);
    return status;
}

sluice_status sluice_gpt_model(sluice_model **out, const sluice_gpt_config *config,
                               int64_t length) {
    SLUICE__TRY(check_config(config, length));
    return build(out, config, SLUICE_INITIALIZER_RANGE, length, 0);
}

/* ---- conversion to the configuration of any family ---- */

void sluice_gpt_to_model_config(sluice_model_config *out, const sluice_gpt_config *config) {
    const int64_t end = config->vocabulary == GPT2_VOCABULARY ? GPT2_VOCABULARY - 1 : -1;
    *out              = (sluice_model_config){.family            = &sluice__family_gpt2.about,
                                              .dropout           = config->dropout,
                                              .initializer_range = SLUICE_INITIALIZER_RANGE,
                                              .bos_token         = end,
                                              .eos_token         = end,
                                              .pad_token         = -1};
    memcpy(out->own, config, sizeof *config);
}

static sluice_gpt_config own_of(const sluice_model_config *config) {
    sluice_gpt_config own;
    memcpy(&own, config->own, sizeof own);
    own.dropout = config->dropout;
    return own;
}

sluice_status sluice_gpt_from_model_config(sluice_gpt_config *out,
                                           const sluice_model_config *config) {
    if (config->family != &sluice__family_gpt2.about)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "a configuration of the family %s is not one of gpt2",
                            config->family->name);
    *out = own_of(config);
    return SLUICE_OK;
}

static sluice_status preset(sluice_model_config *out, const char *name, int64_t vocabulary) {
    sluice_gpt_config own = {0};
    SLUICE__TRY(sluice_gpt_preset(&own, name, vocabulary));
    sluice_gpt_to_model_config(out, &own);
    return SLUICE_OK;
}

static sluice_model_numbers numbers(const sluice_model_config *config) {
    const sluice_gpt_config own = own_of(config);
    return (sluice_model_numbers){own.layers,     own.width,     own.heads,
                                  own.vocabulary, own.positions, own.tied};
}

static void summary(char *out, size_t bytes, const sluice_model_config *config) {
    const sluice_gpt_config own = own_of(config);
    (void)snprintf(out, bytes,
                   "%" PRId64 " blocks, width %" PRId64 ", %" PRId64 " heads, vocabulary %" PRId64,
                   own.layers, own.width, own.heads, own.vocabulary);
}

static double range_of(const sluice_model_config *config) {
    const double range = config->initializer_range;
    return range > 0 ? range : SLUICE_INITIALIZER_RANGE;
}

static sluice_status make_model(sluice_model **out, const sluice_model_config *config,
                                int64_t length) {
    const sluice_gpt_config own = own_of(config);
    SLUICE__TRY(check_config(&own, length));
    return build(out, &own, range_of(config), length, 0);
}

static sluice_status make_generation(sluice_model **out, const sluice_model_config *config,
                                     int64_t capacity) {
    const sluice_gpt_config own = own_of(config);
    SLUICE__TRY(check_config(&own, capacity));
    return build(out, &own, range_of(config), 1, capacity);
}

/* ---- config.json ---- */

static const sluice__fixed_field fixed[] = {
    {"model_type", "\"gpt2\""},
    {"activation_function", "\"gelu_new\""},
    {"layer_norm_epsilon", "1e-5"},
    {"scale_attn_weights", "true"},
    {"scale_attn_by_inverse_layer_idx", "false"},
    {"reorder_and_upcast_attn", "false"},
    {NULL, NULL},
};
static const char *const read_keys[] = {
    "vocab_size", "n_positions",         "n_ctx", "n_embd", "n_layer", "n_head",
    "n_inner",    "tie_word_embeddings", NULL};
/* Dropout belongs to a run; summaries are another head's. */
static const char *const idle_keys[]      = {"attn_pdrop",
                                             "embd_pdrop",
                                             "resid_pdrop",
                                             "summary_type",
                                             "summary_use_proj",
                                             "summary_activation",
                                             "summary_proj_to_labels",
                                             "summary_first_dropout",
                                             "predict_special_tokens",
                                             NULL};
static const sluice__family_fields fields = {fixed, read_keys, idle_keys};

static sluice_status check_inner(const sluice__config_file *file, int64_t width) {
    char wanted[32];
    (void)snprintf(wanted, sizeof wanted, "%" PRId64, 4 * width);
    if (!sluice__config_has(file, "n_inner") || sluice__config_is(file, "n_inner", wanted))
        return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED, "\"n_inner\" in '%s' is not null or 4 x n_embd = %s",
                        file->path, wanted);
}

static sluice_status read_sizes(sluice_gpt_config *out, const sluice__config_file *file) {
    const bool is_old =
        !sluice__config_has(file, "n_positions") && sluice__config_has(file, "n_ctx");
    SLUICE__TRY(sluice__config_count(&out->vocabulary, file, "vocab_size"));
    SLUICE__TRY(sluice__config_count(&out->positions, file, is_old ? "n_ctx" : "n_positions"));
    SLUICE__TRY(sluice__config_count(&out->width, file, "n_embd"));
    SLUICE__TRY(sluice__config_count(&out->layers, file, "n_layer"));
    return sluice__config_count(&out->heads, file, "n_head");
}

static sluice_status read_file(sluice_model_config *out, const sluice__config_file *file) {
    sluice_gpt_config own = {0};
    SLUICE__TRY(sluice__check_fields(file, &fields));
    SLUICE__TRY(read_sizes(&own, file));
    SLUICE__TRY(check_inner(file, own.width));
    SLUICE__TRY(sluice__config_flag(&own.tied, file, "tie_word_embeddings", true));
    if (own.width % own.heads != 0)
        return sluice__fail(SLUICE_E_PARSE,
                            "\"n_embd\" in '%s' is %" PRId64 ", which %" PRId64
                            " heads do not divide",
                            file->path, own.width, own.heads);
    sluice_gpt_to_model_config(out, &own);
    return sluice__read_common(out, file);
}

static void write_file(sluice__config_file *file, const sluice_model_config *config) {
    const sluice_gpt_config own = own_of(config);
    sluice__config_set_texts(file, "architectures", "GPT2LMHeadModel");
    sluice__config_set_text(file, "model_type", "gpt2");
    sluice__config_set_count(file, "vocab_size", own.vocabulary);
    sluice__config_set_count(file, "n_positions", own.positions);
    sluice__config_set_count(file, "n_ctx", own.positions);
    sluice__config_set_count(file, "n_embd", own.width);
    sluice__config_set_count(file, "n_layer", own.layers);
    sluice__config_set_count(file, "n_head", own.heads);
    sluice__config_set_null(file, "n_inner");
    sluice__config_set_text(file, "activation_function", "gelu_new");
    sluice__config_set_number(file, "layer_norm_epsilon", 1e-5);
    sluice__config_set_flag(file, "tie_word_embeddings", own.tied);
    sluice__config_set_float(file, "attn_pdrop", own.dropout);
    sluice__config_set_float(file, "embd_pdrop", own.dropout);
    sluice__config_set_float(file, "resid_pdrop", own.dropout);
    sluice__write_common(file, config);
}

/* ---- the family ---- */

/* Causal masks, which some files contain; attention here needs none. */
static const char *const masks[] = {".attn.bias", ".attn.masked_bias", NULL};

const sluice__family sluice__family_gpt2 = {
    .about      = {.size      = sizeof(sluice_family),
                   .name      = "gpt2",
                   .presets   = preset_names,
                   .prefix    = "transformer.",
                   .ignored   = masks,
                   .head      = "lm_head.weight",
                   .embedding = "transformer.wte.weight"},
    .preset     = preset,
    .read       = read_file,
    .write      = write_file,
    .numbers    = numbers,
    .summary    = summary,
    .model      = make_model,
    .generation = make_generation,
};
