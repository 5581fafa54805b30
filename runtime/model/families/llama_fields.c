/* SPDX-License-Identifier: MIT */
/* llama_fields.c -- the config.json of Llama, Mistral, Qwen 2 and Qwen 3: which keys change the
 * arithmetic, which change nothing here, and what a missing one means. */
#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/error.h"
#include "runtime/model/families/llama.h"

/* ---- what a file may have ---- */

/* Slices of matrices, whose sum is the same, and fields of other programs. */
#define IDLE "attention_dropout", "is_llama_config", "transformers.js_config", "max_sequence_length"
#define READ                                                                                       \
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",  \
        "num_key_value_heads", "head_dim", "max_position_embeddings", "rms_norm_eps",              \
        "rope_theta", "rope_scaling", "rope_parameters", "tie_word_embeddings"
#define FIXED                                                                                      \
    {"hidden_act", "\"silu\""}, {                                                                  \
        "rope_interleaved", "false"                                                                \
    }

static const char *const read_by_llama[]   = {READ, "attention_bias", "mlp_bias", NULL};
static const char *const read_by_mistral[] = {READ, "sliding_window", NULL};
static const char *const read_by_qwen2[]   = {READ, "layer_types", NULL};
static const char *const read_by_qwen3[]   = {READ, "attention_bias", "layer_types", NULL};
static const char *const idle[]            = {IDLE, NULL};
/* Windows that are not used. */
static const char *const idle_in_qwen[] = {IDLE, "sliding_window", "max_window_layers", NULL};

static const sluice__fixed_field fixed_in_llama[] = {FIXED, {"pretraining_tp", "1"}, {NULL, NULL}};
static const sluice__fixed_field fixed_in_mistral[] = {FIXED, {NULL, NULL}};
static const sluice__fixed_field fixed_in_qwen[]    = {
       FIXED, {"use_sliding_window", "false"}, {"use_mrope", "false"}, {NULL, NULL}};

const sluice__llama_kind sluice__llama_own_kind = {
    .architecture            = "LlamaForCausalLM",
    .may_have_attention_bias = true,
    .may_have_mlp_bias       = true,
    .fields                  = {fixed_in_llama, read_by_llama, idle},
};
const sluice__llama_kind sluice__mistral_own_kind = {
    .architecture  = "MistralForCausalLM",
    .kv_heads      = 8,
    .writes_window = true,
    .window        = 4096,
    .fields        = {fixed_in_mistral, read_by_mistral, idle},
};
const sluice__llama_kind sluice__qwen2_own_kind = {
    .architecture      = "Qwen2ForCausalLM",
    .kv_heads          = 32,
    .has_qkv_bias      = true,
    .writes_window     = true,
    .writes_use_window = true,
    .fields            = {fixed_in_qwen, read_by_qwen2, idle_in_qwen},
};
const sluice__llama_kind sluice__qwen3_own_kind = {
    .architecture            = "Qwen3ForCausalLM",
    .kv_heads                = 32,
    .head_width              = 128,
    .may_have_attention_bias = true,
    .has_head_norm           = true,
    .writes_window           = true,
    .writes_use_window       = true,
    .fields                  = {fixed_in_qwen, read_by_qwen3, idle_in_qwen},
};

/* ---- reading ---- */

static sluice_status read_heads(sluice__llama *own, const sluice__config_file *file,
                                const sluice__llama_kind *kind) {
    SLUICE__TRY(sluice__config_count(&own->heads, file, "num_attention_heads"));
    const bool is_null = sluice__config_is(file, "num_key_value_heads", "null");
    SLUICE__TRY(
        sluice__config_count_or(&own->kv_heads, file, "num_key_value_heads",
                                kind->kv_heads > 0 && !is_null ? kind->kv_heads : own->heads));
    if (own->heads % own->kv_heads != 0)
        return sluice__fail(SLUICE_E_PARSE,
                            "\"num_attention_heads\" in '%s' is %" PRId64 ", which %" PRId64
                            " key/value heads do not divide",
                            file->path, own->heads, own->kv_heads);
    SLUICE__TRY(
        sluice__config_count_or(&own->head_width, file, "head_dim",
                                kind->head_width > 0 ? kind->head_width : own->width / own->heads));
    if (own->head_width % 2 == 0 && own->head_width > 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE,
                        "heads in '%s' have a width of %" PRId64
                        "; rotary positions turn pairs of elements, so that it must be even",
                        file->path, own->head_width);
}

static sluice_status read_sizes(sluice__llama *own, const sluice__config_file *file) {
    SLUICE__TRY(sluice__config_count(&own->vocabulary, file, "vocab_size"));
    SLUICE__TRY(sluice__config_count(&own->positions, file, "max_position_embeddings"));
    SLUICE__TRY(sluice__config_count(&own->width, file, "hidden_size"));
    SLUICE__TRY(sluice__config_count(&own->hidden, file, "intermediate_size"));
    SLUICE__TRY(sluice__config_count(&own->layers, file, "num_hidden_layers"));
    return sluice__config_float(&own->epsilon, file, "rms_norm_eps", 1e-6F);
}

static sluice_status read_flags(sluice__llama *own, const sluice__config_file *file,
                                const sluice__llama_kind *kind) {
    bool attention = false, mlp = false;
    SLUICE__TRY(sluice__config_flag(&own->tied, file, "tie_word_embeddings", false));
    if (kind->may_have_attention_bias)
        SLUICE__TRY(sluice__config_flag(&attention, file, "attention_bias", false));
    if (kind->may_have_mlp_bias) SLUICE__TRY(sluice__config_flag(&mlp, file, "mlp_bias", false));
    own->has_qkv_bias        = attention || kind->has_qkv_bias;
    own->has_projection_bias = attention;
    own->has_mlp_bias        = mlp;
    return SLUICE_OK;
}

/* A window as long as all positions hides nothing. */
static sluice_status check_window(const sluice__config_file *file, const sluice__llama *own,
                                  int64_t otherwise) {
    const bool is_null = sluice__config_is(file, "sliding_window", "null");
    int64_t window     = 0;
    if (otherwise == 0 || is_null) return SLUICE_OK;
    SLUICE__TRY(sluice__config_count_or(&window, file, "sliding_window", otherwise));
    if (window >= own->positions) return SLUICE_OK;
    const sluice_status status = sluice__fail(
        SLUICE_E_UNSUPPORTED,
        "\"sliding_window\" in '%s' is %" PRId64 "%s, less than the %" PRId64
        " positions; sliding windows are not supported",
        file->path, window, sluice__config_has(file, "sliding_window") ? "" : " (not given)",
        own->positions);
    return sluice__hint(status,
                        "a model that is used with at most %" PRId64 " tokens is the same with a "
                        "\"max_position_embeddings\" of %" PRId64,
                        window, window);
}

static sluice_status check_layers(const sluice__config_file *file) {
    if (!sluice__config_has(file, "layer_types") ||
        sluice__config_all_are(file, "layer_types", "\"full_attention\""))
        return SLUICE_OK;
    return sluice__config_unsupported(file, "layer_types", "a list of \"full_attention\"");
}

sluice_status sluice__llama_read(sluice_model_config *out, const sluice__config_file *file) {
    const sluice__llama_kind *const kind = sluice__llama_kind_of(out);
    sluice__llama own                    = {0};
    SLUICE__TRY(sluice__check_fields(file, &kind->fields));
    SLUICE__TRY(read_sizes(&own, file));
    SLUICE__TRY(read_heads(&own, file, kind));
    SLUICE__TRY(read_flags(&own, file, kind));
    SLUICE__TRY(sluice__read_rotary(&own, file));
    SLUICE__TRY(check_window(file, &own, kind->window));
    SLUICE__TRY(check_layers(file));
    sluice__llama_to_model_config(out, &own);
    return sluice__read_common(out, file);
}

/* ---- writing ---- */

static void write_flags(sluice__config_file *file, const sluice__llama *own,
                        const sluice__llama_kind *kind) {
    if (kind->may_have_attention_bias)
        sluice__config_set_flag(file, "attention_bias", own->has_projection_bias);
    if (kind->may_have_mlp_bias) sluice__config_set_flag(file, "mlp_bias", own->has_mlp_bias);
    if (kind->writes_use_window) sluice__config_set_flag(file, "use_sliding_window", false);
    if (kind->writes_window) sluice__config_set_null(file, "sliding_window");
    sluice__config_set_flag(file, "tie_word_embeddings", own->tied);
}

void sluice__llama_write(sluice__config_file *file, const sluice_model_config *config) {
    const sluice__llama_kind *const kind = sluice__llama_kind_of(config);
    const sluice__llama own              = sluice__llama_own(config);
    sluice__config_set_texts(file, "architectures", kind->architecture);
    sluice__config_set_text(file, "model_type", config->family->name);
    sluice__config_set_count(file, "vocab_size", own.vocabulary);
    sluice__config_set_count(file, "max_position_embeddings", own.positions);
    sluice__config_set_count(file, "hidden_size", own.width);
    sluice__config_set_count(file, "intermediate_size", own.hidden);
    sluice__config_set_count(file, "num_hidden_layers", own.layers);
    sluice__config_set_count(file, "num_attention_heads", own.heads);
    sluice__config_set_count(file, "num_key_value_heads", own.kv_heads);
    sluice__config_set_count(file, "head_dim", own.head_width);
    sluice__config_set_text(file, "hidden_act", "silu");
    sluice__config_set_float(file, "rms_norm_eps", own.epsilon);
    sluice__write_rotary(file, &own);
    write_flags(file, &own, kind);
    sluice__config_set_float(file, "attention_dropout", config->dropout);
    sluice__write_common(file, config);
}
