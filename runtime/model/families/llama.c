/* SPDX-License-Identifier: MIT */
/* llama.c -- Llama (Touvron et al. 2023), Mistral, Qwen 2 and Qwen 3: one configuration, one
 * sequence of layers. */
#include "runtime/model/families/llama.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"

static_assert(sizeof(sluice__llama) <= sizeof(((sluice_model_config *)0)->own),
              "a sluice_model_config holds a configuration of these families");

/* Bytes of a layer name, which contains the number of its block. */
enum { NAME = 48, MAX_LAYERS = 10000 };

const sluice__llama_kind *sluice__llama_kind_of(const sluice_model_config *config) {
    return ((const sluice__family *)(const void *)config->family)->kind;
}

sluice__llama sluice__llama_own(const sluice_model_config *config) {
    sluice__llama own;
    memcpy(&own, config->own, sizeof own);
    return own;
}

void sluice__llama_to_model_config(sluice_model_config *out, const sluice__llama *own) {
    *out = (sluice_model_config){.family            = out->family,
                                 .initializer_range = SLUICE_INITIALIZER_RANGE,
                                 .bos_token         = -1,
                                 .eos_token         = -1,
                                 .pad_token         = -1};
    memcpy(out->own, own, sizeof *own);
}

/* ---- layers ---- */

static sluice_status check_config(const sluice__llama *own, const char *family, int64_t length) {
    if (own->layers < 1 || own->layers > MAX_LAYERS)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "a %s model has %" PRId64 " blocks; it may have 1 to %d", family,
                            own->layers, MAX_LAYERS);
    if (length >= 1 && length <= own->positions) return SLUICE_OK;
    const sluice_status status = sluice__fail(
        SLUICE_E_ARGUMENT, "sequences have %" PRId64 " tokens; this %s model takes 1 to %" PRId64,
        length, family, own->positions);
    return sluice__hint(status, "choose a length of at most %" PRId64, own->positions);
}

/* What the layers of one model have in common. */
typedef struct builder {
    sluice_model *model;
    sluice__llama own;
    float scale, dropout; /* the standard deviation of initial weights, and a rate */
    bool has_head_norm;
    sluice_norm_config norm;
    int64_t cache; /* positions of one that generates; else 0 */
} builder;

static sluice_status add_attention(const builder *by, int64_t n) {
    char name[NAME];
    (void)snprintf(name, sizeof name, "model.layers.%" PRId64 ".self_attn", n);
    return sluice_model_add(
        by->model, sluice_layer_attention(),
        &(sluice_attention_config){.width                  = by->own.width,
                                   .heads                  = by->own.heads,
                                   .scale                  = by->scale,
                                   .projection_scale       = by->scale,
                                   .dropout                = by->dropout,
                                   .kv_heads               = by->own.kv_heads,
                                   .head_width             = by->own.head_width,
                                   .rotary                 = by->own.rotary,
                                   .qkv_has_no_bias        = !by->own.has_qkv_bias,
                                   .projection_has_no_bias = !by->own.has_projection_bias,
                                   .norm                   = by->norm,
                                   .has_head_norm          = by->has_head_norm,
                                   .style                  = SLUICE_STYLE_LLAMA,
                                   .cache                  = by->cache},
        name);
}

static sluice_status add_mlp(const builder *by, int64_t n) {
    char name[NAME];
    (void)snprintf(name, sizeof name, "model.layers.%" PRId64 ".mlp", n);
    return sluice_model_add(by->model, sluice_layer_mlp(),
                            &(sluice_mlp_config){.width            = by->own.width,
                                                 .hidden           = by->own.hidden,
                                                 .scale            = by->scale,
                                                 .projection_scale = by->scale,
                                                 .dropout          = by->dropout,
                                                 .has_no_bias      = !by->own.has_mlp_bias,
                                                 .norm             = by->norm,
                                                 .style            = SLUICE_STYLE_LLAMA,
                                                 .gated            = true},
                            name);
}

static sluice_status add_layers(const builder *by) {
    const sluice__llama *const own = &by->own;
    SLUICE__TRY(sluice_model_add(by->model, sluice_layer_embedding(),
                                 &(sluice_embedding_config){.vocabulary = own->vocabulary,
                                                            .width      = own->width,
                                                            .scale      = by->scale,
                                                            .dropout    = by->dropout,
                                                            .style      = SLUICE_STYLE_LLAMA,
                                                            .generates  = by->cache > 0},
                                 "model"));
    for (int64_t n = 0; n < own->layers; n++) {
        SLUICE__TRY(add_attention(by, n));
        SLUICE__TRY(add_mlp(by, n));
    }
    SLUICE__TRY(sluice_model_add(by->model, sluice_layer_layernorm(),
                                 &(sluice_layernorm_config){own->width, by->norm}, "model.norm"));
    const sluice_classifier_config head = {own->width, own->vocabulary, by->scale};
    SLUICE__TRY(sluice__add_head(by->model, &head, by->cache > 0));
    return own->tied ? sluice_model_tie(by->model, "lm_head.weight", "model.embed_tokens.weight")
                     : SLUICE_OK;
}

/* The configuration was checked. A model of sequences of `length` tokens, or, where `cache` > 0, of
 * single tokens of a sequence of so many. */
static sluice_status build(sluice_model **out, const sluice_model_config *config, int64_t length,
                           int64_t cache) {
    const double range = config->initializer_range;
    builder by         = {.own           = sluice__llama_own(config),
                          .scale         = (float)(range > 0 ? range : SLUICE_INITIALIZER_RANGE),
                          .dropout       = config->dropout,
                          .has_head_norm = sluice__llama_kind_of(config)->has_head_norm,
                          .cache         = cache};
    by.norm            = (sluice_norm_config){SLUICE_NORM_RMS, by.own.epsilon};
    SLUICE__TRY(sluice_model_create(&by.model, &(sluice_shape){SLUICE_TYPE_I32, 1, {length}}));
    const sluice_status status = add_layers(&by);
    if (status == SLUICE_OK)
        *out = by.model;
    else
        sluice_model_free(by.model);
    return status;
}

static sluice_status make_model(sluice_model **out, const sluice_model_config *config,
                                int64_t length) {
    const sluice__llama own = sluice__llama_own(config);
    SLUICE__TRY(check_config(&own, config->family->name, length));
    return build(out, config, length, 0);
}

static sluice_status make_generation(sluice_model **out, const sluice_model_config *config,
                                     int64_t capacity) {
    const sluice__llama own = sluice__llama_own(config);
    SLUICE__TRY(check_config(&own, config->family->name, capacity));
    return build(out, config, 1, capacity);
}

/* ---- what is said of a configuration ---- */

static sluice_model_numbers numbers(const sluice_model_config *config) {
    const sluice__llama own = sluice__llama_own(config);
    return (sluice_model_numbers){own.layers,     own.width,     own.heads,
                                  own.vocabulary, own.positions, own.tied};
}

static void summary(char *out, size_t bytes, const sluice_model_config *config) {
    const sluice__llama own = sluice__llama_own(config);
    (void)snprintf(out, bytes,
                   "%" PRId64 " blocks, width %" PRId64 ", %" PRId64 " heads (%" PRId64
                   " of keys and values), vocabulary %" PRId64,
                   own.layers, own.width, own.heads, own.kv_heads, own.vocabulary);
}

static void details(char *out, size_t bytes, const sluice_model_config *config) {
    const sluice__llama own = sluice__llama_own(config);
    char rotary[128];
    sluice__rotary_details(rotary, sizeof rotary, &own.rotary);
    (void)snprintf(out, bytes, ", norms with %g%s", (double)own.epsilon, rotary);
}

/* ---- the families ---- */

/* Tables that older files contain. */
static const char *const frequencies[] = {".rotary_emb.inv_freq", NULL};

#define FAMILY(word)                                                                               \
    const sluice__family sluice__family_##word = {                                                 \
        .about      = {.size      = sizeof(sluice_family),                                         \
                       .name      = #word,                                                         \
                       .presets   = sluice__##word##_presets,                                      \
                       .prefix    = "model.",                                                      \
                       .ignored   = frequencies,                                                   \
                       .head      = "lm_head.weight",                                              \
                       .embedding = "model.embed_tokens.weight"},                                  \
        .kind       = &sluice__##word##_own_kind,                                                  \
        .preset     = sluice__llama_preset,                                                        \
        .read       = sluice__llama_read,                                                          \
        .write      = sluice__llama_write,                                                         \
        .numbers    = numbers,                                                                     \
        .summary    = summary,                                                                     \
        .details    = details,                                                                     \
        .model      = make_model,                                                                  \
        .generation = make_generation,                                                             \
    }

FAMILY(llama);
FAMILY(mistral);
FAMILY(qwen2);
FAMILY(qwen3);
