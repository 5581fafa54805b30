/* SPDX-License-Identifier: MIT */
/* layer_subjects.c -- the layers that are compared with float64. */
#include "tests/unit/model/layer_subjects.h"

const sluice_embedding_config layer_embedding = {
    .vocabulary = 11, .positions = 9, .width = 6, .scale = 0.5F, .position_scale = 0.5F};
const sluice_attention_config layer_attention = {
    .width = 12, .heads = 3, .scale = 0.3F, .projection_scale = 0.3F};
static const sluice_attention_config one_head = {
    .width = 5, .heads = 1, .scale = 0.4F, .projection_scale = 0.4F};
static const sluice_mlp_config mlp = {
    .width = 6, .hidden = 20, .scale = 0.4F, .projection_scale = 0.4F};
static const sluice_embedding_config few_words = {.vocabulary     = 11,
                                                  .positions      = 9,
                                                  .width          = 6,
                                                  .scale          = 0.5F,
                                                  .position_scale = 0.5F,
                                                  .dropout        = 0.3F};
static const sluice_attention_config few_keys  = {
     .width = 12, .heads = 3, .scale = 0.3F, .projection_scale = 0.3F, .dropout = 0.4F};
static const sluice_mlp_config few_hidden = {
    .width = 6, .hidden = 20, .scale = 0.4F, .projection_scale = 0.4F, .dropout = 0.25F};
const sluice_layernorm_config layer_layernorm   = {.width = 7};
const sluice_classifier_config layer_classifier = {6, LAYER_CLASSES, 0.5F};
const sluice_linear_config layer_linear         = {.inputs = 5, .outputs = 4};

/* Unlike GPT-2's: RMS norms, no biases, fewer key/value heads, another head width, no positions. */
static const sluice_layernorm_config rms       = {.width = 7, .norm = {SLUICE_NORM_RMS, 1e-3F}};
const sluice_linear_config layer_plain_linear  = {.inputs = 5, .outputs = 4, .has_no_bias = true};
const sluice_embedding_config layer_words_only = {
    .vocabulary = 11, .width = 6, .scale = 0.5F, .dropout = 0.2F};
const sluice_mlp_config layer_plain_mlp      = {.width            = 6,
                                                .hidden           = 20,
                                                .scale            = 0.4F,
                                                .projection_scale = 0.4F,
                                                .has_no_bias      = true,
                                                .norm             = {SLUICE_NORM_RMS, 0}};
static const sluice_attention_config grouped = {
    .width = 12, .heads = 4, .kv_heads = 2, .scale = 0.3F, .projection_scale = 0.3F};
static const sluice_attention_config one_key    = {.width                  = 12,
                                                   .heads                  = 4,
                                                   .kv_heads               = 1,
                                                   .head_width             = 5,
                                                   .scale                  = 0.3F,
                                                   .projection_scale       = 0.3F,
                                                   .projection_has_no_bias = true,
                                                   .dropout                = 0.3F};
static const sluice_attention_config wide_heads = {.width            = 6,
                                                   .heads            = 2,
                                                   .head_width       = 8,
                                                   .scale            = 0.3F,
                                                   .projection_scale = 0.3F,
                                                   .qkv_has_no_bias  = true};
const sluice_attention_config layer_llama       = {.width                  = 12,
                                                   .heads                  = 4,
                                                   .kv_heads               = 2,
                                                   .head_width             = 2,
                                                   .scale                  = 0.3F,
                                                   .projection_scale       = 0.3F,
                                                   .qkv_has_no_bias        = true,
                                                   .projection_has_no_bias = true,
                                                   .norm                   = {SLUICE_NORM_RMS, 1e-6F}};

/* Matrices of (outputs, inputs), as LLaMA and its relatives have them. */
const sluice_embedding_config layer_llama_words = {
    .vocabulary = 11, .width = 6, .scale = 0.5F, .style = SLUICE_STYLE_LLAMA};
const sluice_attention_config layer_llama_pieces = {.width                  = 12,
                                                    .heads                  = 4,
                                                    .kv_heads               = 2,
                                                    .scale                  = 0.3F,
                                                    .projection_scale       = 0.3F,
                                                    .projection_has_no_bias = true,
                                                    .dropout                = 0.2F,
                                                    .norm  = {SLUICE_NORM_RMS, 1e-6F},
                                                    .style = SLUICE_STYLE_LLAMA};
const sluice_mlp_config layer_llama_mlp          = {.width            = 6,
                                                    .hidden           = 20,
                                                    .scale            = 0.4F,
                                                    .projection_scale = 0.4F,
                                                    .dropout          = 0.2F,
                                                    .norm             = {SLUICE_NORM_RMS, 1e-6F},
                                                    .style            = SLUICE_STYLE_LLAMA};

static const sluice_mlp_config gated = {
    .width = 6, .hidden = 20, .scale = 0.4F, .projection_scale = 0.4F, .gated = true};
const sluice_mlp_config layer_llama_gated = {.width            = 6,
                                             .hidden           = 20,
                                             .scale            = 0.4F,
                                             .projection_scale = 0.4F,
                                             .dropout          = 0.2F,
                                             .has_no_bias      = true,
                                             .norm             = {SLUICE_NORM_RMS, 1e-6F},
                                             .style            = SLUICE_STYLE_LLAMA,
                                             .gated            = true};

/* Rotary positions: as they are, with fewer keys and dropout, and scaled, where every wave is long.
 */
static const sluice_attention_config turned = {
    .width = 12, .heads = 3, .scale = 0.3F, .projection_scale = 0.3F, .rotary = {.base = 10000}};
static const sluice_attention_config llama_turns = {
    .width                  = 12,
    .heads                  = 4,
    .kv_heads               = 2,
    .head_width             = 6,
    .scale                  = 0.3F,
    .projection_scale       = 0.3F,
    .dropout                = 0.2F,
    .qkv_has_no_bias        = true,
    .projection_has_no_bias = true,
    .norm                   = {SLUICE_NORM_RMS, 1e-6F},
    .style                  = SLUICE_STYLE_LLAMA,
    .rotary                 = {100, SLUICE_ROTARY_SCALING_LLAMA3, 4, 1, 4, 32}};
static const sluice_attention_config qwen2_turns = {
    .width                  = 12,
    .heads                  = 4,
    .kv_heads               = 1,
    .scale                  = 0.3F,
    .projection_scale       = 0.3F,
    .dropout                = 0.2F,
    .head_width             = 4,
    .projection_has_no_bias = true,
    .norm                   = {SLUICE_NORM_RMS, 1e-6F},
    .style                  = SLUICE_STYLE_LLAMA,
    .rotary                 = {.base = 1000, .scaling = SLUICE_ROTARY_SCALING_LINEAR, .factor = 2}};

/* As Qwen 3: norms of heads whose width is not width / heads. */
const sluice_attention_config layer_qwen3       = {.width                  = 12,
                                                   .heads                  = 4,
                                                   .kv_heads               = 2,
                                                   .head_width             = 10,
                                                   .scale                  = 0.3F,
                                                   .projection_scale       = 0.3F,
                                                   .dropout                = 0.2F,
                                                   .qkv_has_no_bias        = true,
                                                   .projection_has_no_bias = true,
                                                   .has_head_norm          = true,
                                                   .norm                   = {SLUICE_NORM_RMS, 1e-6F},
                                                   .style                  = SLUICE_STYLE_LLAMA,
                                                   .rotary                 = {.base = 1000}};
static const sluice_attention_config head_norms = {
    .width = 12, .heads = 3, .scale = 0.3F, .projection_scale = 0.3F, .has_head_norm = true};

const subject layer_subjects[] = {
    {"embedding", sluice_layer_embedding, &layer_embedding, {SLUICE_TYPE_I32, 2, {3, 7}}, 11},
    {"attention", sluice_layer_attention, &layer_attention, {SLUICE_TYPE_F32, 3, {2, 7, 12}}, 0},
    {"attention, one token", sluice_layer_attention, &one_head, {SLUICE_TYPE_F32, 3, {3, 1, 5}}, 0},
    {"mlp", sluice_layer_mlp, &mlp, {SLUICE_TYPE_F32, 3, {2, 5, 6}}, 0},
    {"embedding, dropout", sluice_layer_embedding, &few_words, {SLUICE_TYPE_I32, 2, {3, 7}}, 11},
    {"attention, dropout", sluice_layer_attention, &few_keys, {SLUICE_TYPE_F32, 3, {2, 7, 12}}, 0},
    {"mlp, dropout", sluice_layer_mlp, &few_hidden, {SLUICE_TYPE_F32, 3, {2, 5, 6}}, 0},
    {"layernorm", sluice_layer_layernorm, &layer_layernorm, {SLUICE_TYPE_F32, 3, {3, 4, 7}}, 0},
    {"classifier", sluice_layer_classifier, &layer_classifier, {SLUICE_TYPE_F32, 3, {3, 5, 6}}, 0},
    {"classifier of rows",
     sluice_layer_classifier,
     &layer_classifier,
     {SLUICE_TYPE_F32, 2, {4, 6}},
     0},
    {"linear", sluice_layer_linear, &layer_linear, {SLUICE_TYPE_F32, 4, {2, 3, 2, 5}}, 0},
    {"relu", sluice_layer_relu, NULL, {SLUICE_TYPE_F32, 2, {5, 8}}, 0},
    {"squared error", sluice_layer_squared_error, NULL, {SLUICE_TYPE_F32, 3, {4, 2, 3}}, 0},
    {"squared error, plain", sluice_layer_squared_error, NULL, {SLUICE_TYPE_F32, 1, {6}}, 0},
    {"RMS norm", sluice_layer_layernorm, &rms, {SLUICE_TYPE_F32, 3, {3, 4, 7}}, 0},
    {"linear, no bias",
     sluice_layer_linear,
     &layer_plain_linear,
     {SLUICE_TYPE_F32, 3, {2, 3, 5}},
     0},
    {"embedding, no positions",
     sluice_layer_embedding,
     &layer_words_only,
     {SLUICE_TYPE_I32, 2, {3, 12}},
     11},
    {"mlp, RMS, no bias", sluice_layer_mlp, &layer_plain_mlp, {SLUICE_TYPE_F32, 3, {2, 5, 6}}, 0},
    {"attention, 2 heads a key",
     sluice_layer_attention,
     &grouped,
     {SLUICE_TYPE_F32, 3, {2, 7, 12}},
     0},
    {"attention, 1 key", sluice_layer_attention, &one_key, {SLUICE_TYPE_F32, 3, {2, 7, 12}}, 0},
    {"attention, wide heads",
     sluice_layer_attention,
     &wide_heads,
     {SLUICE_TYPE_F32, 3, {2, 7, 6}},
     0},
    {"attention, all of it",
     sluice_layer_attention,
     &layer_llama,
     {SLUICE_TYPE_F32, 3, {2, 7, 12}},
     0},
    {"LLaMA's words", sluice_layer_embedding, &layer_llama_words, {SLUICE_TYPE_I32, 2, {3, 7}}, 11},
    {"LLaMA's pieces",
     sluice_layer_attention,
     &layer_llama_pieces,
     {SLUICE_TYPE_F32, 3, {2, 7, 12}},
     0},
    {"attention, turned", sluice_layer_attention, &turned, {SLUICE_TYPE_F32, 3, {2, 7, 12}}, 0},
    {"LLaMA's attention",
     sluice_layer_attention,
     &llama_turns,
     {SLUICE_TYPE_F32, 3, {2, 7, 12}},
     0},
    {"Qwen 2's attention",
     sluice_layer_attention,
     &qwen2_turns,
     {SLUICE_TYPE_F32, 3, {2, 7, 12}},
     0},
    {"Qwen 3's attention",
     sluice_layer_attention,
     &layer_qwen3,
     {SLUICE_TYPE_F32, 3, {2, 7, 12}},
     0},
    {"attention, norms of heads",
     sluice_layer_attention,
     &head_norms,
     {SLUICE_TYPE_F32, 3, {2, 7, 12}},
     0},
    {"mlp, gated", sluice_layer_mlp, &gated, {SLUICE_TYPE_F32, 3, {2, 5, 6}}, 0},
    {"LLaMA's gated mlp", sluice_layer_mlp, &layer_llama_gated, {SLUICE_TYPE_F32, 2, {9, 6}}, 0},
    {"LLaMA's mlp", sluice_layer_mlp, &layer_llama_mlp, {SLUICE_TYPE_F32, 3, {2, 5, 6}}, 0},
};
const int layer_subject_count = sizeof layer_subjects / sizeof *layer_subjects;
