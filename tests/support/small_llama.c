/* SPDX-License-Identifier: MIT */
/* small_llama.c -- a model of the Llamas' kind, as small as small_gpt.h's: RMS norms, rotary
 * positions, grouped heads, gates; one block with norms of heads, one with biases and scaling. */
#include "tests/support/small_gpt.h"

enum { WIDTH = 24 };
static const sluice_norm_config rms = {SLUICE_NORM_RMS, 1e-6F};

static sluice_attention_config attention_of(float dropout, bool has_head_norm) {
    const sluice_rotary_frequencies plain  = {.base = 10000};
    const sluice_rotary_frequencies scaled = {100, SLUICE_ROTARY_SCALING_LLAMA3, 4, 1, 4, 32};
    return (sluice_attention_config){.width                  = WIDTH,
                                     .heads                  = 4,
                                     .kv_heads               = 2,
                                     .head_width             = has_head_norm ? 8 : 0,
                                     .scale                  = 0.1F,
                                     .projection_scale       = 0.1F,
                                     .dropout                = dropout,
                                     .qkv_has_no_bias        = has_head_norm,
                                     .projection_has_no_bias = true,
                                     .has_head_norm          = has_head_norm,
                                     .norm                   = rms,
                                     .style                  = SLUICE_STYLE_LLAMA,
                                     .rotary                 = has_head_norm ? plain : scaled};
}

sluice_model *make_small_llama(bool tied, float dropout) {
    const sluice_embedding_config words  = {.vocabulary = VOCABULARY,
                                            .width      = WIDTH,
                                            .scale      = 0.1F,
                                            .dropout    = dropout,
                                            .style      = SLUICE_STYLE_LLAMA};
    const sluice_attention_config normed = attention_of(dropout, true),
                                  biased = attention_of(dropout, false);
    const sluice_mlp_config mlp          = {.width            = WIDTH,
                                            .hidden           = 40,
                                            .scale            = 0.1F,
                                            .projection_scale = 0.1F,
                                            .dropout          = dropout,
                                            .has_no_bias      = true,
                                            .norm             = rms,
                                            .style            = SLUICE_STYLE_LLAMA,
                                            .gated            = true};
    const sluice_layernorm_config last   = {WIDTH, rms};
    const sluice_classifier_config head  = {WIDTH, VOCABULARY, 0.1F};
    sluice_model *model;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_I32, 1, {LENGTH}}));
    assert_ok(sluice_model_add(model, sluice_layer_embedding(), &words, "model"));
    assert_ok(
        sluice_model_add(model, sluice_layer_attention(), &normed, "model.layers.0.self_attn"));
    assert_ok(sluice_model_add(model, sluice_layer_mlp(), &mlp, "model.layers.0.mlp"));
    assert_ok(
        sluice_model_add(model, sluice_layer_attention(), &biased, "model.layers.1.self_attn"));
    assert_ok(sluice_model_add(model, sluice_layer_mlp(), &mlp, "model.layers.1.mlp"));
    assert_ok(sluice_model_add(model, sluice_layer_layernorm(), &last, "model.norm"));
    assert_ok(sluice_model_add(model, sluice_layer_classifier(), &head, "lm_head"));
    if (tied) assert_ok(sluice_model_tie(model, "lm_head.weight", "model.embed_tokens.weight"));
    return model;
}
