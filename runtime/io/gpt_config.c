/* SPDX-License-Identifier: MIT */
/* gpt_config.c -- Hugging Face's config.json of a GPT-2, as far as it changes what is computed. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/io/json.h"
#include "runtime/io/mapped.h"
#include "runtime/io/write.h"
#include "sluice/file.h"

/* ---- reading ---- */

static sluice_status load_object(json_t **out, const char *path) {
    sluice__mapped file;
    char what[512];
    SLUICE__TRY(sluice__map(&file, path));
    (void)snprintf(what, sizeof what, "'%s'", path);
    const sluice_status status = sluice__json_object(out, file.bytes, file.size, what);
    sluice__unmap(&file);
    return status;
}

static sluice_status read_count(int64_t *out, const json_t *config, const char *key,
                                const char *path) {
    const json_t *value = json_object_get(config, key);
    if (!value) return sluice__fail(SLUICE_E_PARSE, "'%s' has no \"%s\"", path, key);
    *out = json_is_integer(value) ? json_integer_value(value) : 0;
    if (*out >= 1 && *out <= 1 << 30) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE, "\"%s\" in '%s' is not a count from 1 to %d", key, path,
                        1 << 30);
}

/* Values that change the arithmetic: only these are computed here. A missing key has this value. */
static const struct {
    const char *key, *json;
} known[] = {
    {"model_type", "\"gpt2\""},
    {"activation_function", "\"gelu_new\""},
    {"layer_norm_epsilon", "1e-5"},
    {"scale_attn_weights", "true"},
    {"scale_attn_by_inverse_layer_idx", "false"},
    {"add_cross_attention", "false"},
};

/* Whether `value` is what `literal` says: "text" in quotes, true, false, or a number. */
static bool is_value(const json_t *value, const char *literal) {
    if (literal[0] == '"') {
        const char *text    = json_string_value(value);
        const size_t length = strlen(literal) - 2; /* without the quotes */
        return text && strlen(text) == length && memcmp(text, literal + 1, length) == 0;
    }
    if (strcmp(literal, "true") == 0) return json_is_true(value);
    if (strcmp(literal, "false") == 0) return json_is_false(value);
    return json_is_number(value) && json_number_value(value) == strtod(literal, NULL);
}

static sluice_status check_known(const json_t *config, const char *path) {
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        const json_t *value = json_object_get(config, known[k].key);
        char *text          = NULL;
        if (!value || is_value(value, known[k].json)) continue;
        SLUICE__TRY(sluice__json_print(&text, value, JSON_ENCODE_ANY | JSON_COMPACT, path));
        sluice__fail(SLUICE_E_UNSUPPORTED, "\"%s\" in '%s' is %.100s; only %s is supported",
                     known[k].key, path, text, known[k].json);
        sluice__json_free(text);
        return SLUICE_E_UNSUPPORTED;
    }
    return SLUICE_OK;
}

static sluice_status check_inner(const json_t *config, int64_t width, const char *path) {
    const json_t *inner = json_object_get(config, "n_inner");
    if (!inner || json_is_null(inner) || json_integer_value(inner) == 4 * width) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED,
                        "\"n_inner\" in '%s' is not null or 4 x n_embd = %lld", path,
                        4 * (long long)width);
}

static sluice_status read_config(sluice_gpt_config *out, const json_t *config, const char *path) {
    const bool is_old        = !json_object_get(config, "n_positions");
    const json_t *tied       = json_object_get(config, "tie_word_embeddings");
    sluice_gpt_config result = {.tied = !tied || json_is_true(tied)};
    SLUICE__TRY(check_known(config, path));
    SLUICE__TRY(read_count(&result.vocabulary, config, "vocab_size", path));
    SLUICE__TRY(read_count(&result.positions, config,
                           is_old && json_object_get(config, "n_ctx") ? "n_ctx" : "n_positions",
                           path));
    SLUICE__TRY(read_count(&result.width, config, "n_embd", path));
    SLUICE__TRY(read_count(&result.layers, config, "n_layer", path));
    SLUICE__TRY(read_count(&result.heads, config, "n_head", path));
    SLUICE__TRY(check_inner(config, result.width, path));
    if (tied && !json_is_boolean(tied))
        return sluice__fail(SLUICE_E_PARSE,
                            "\"tie_word_embeddings\" in '%s' is neither true nor false", path);
    if (result.width % result.heads != 0)
        return sluice__fail(SLUICE_E_PARSE,
                            "\"n_embd\" in '%s' is %lld, which %lld heads do not divide", path,
                            (long long)result.width, (long long)result.heads);
    *out = result;
    return SLUICE_OK;
}

sluice_status sluice_gpt_config_read(sluice_gpt_config *out, const char *path) {
    json_t *config = NULL;
    SLUICE__TRY(load_object(&config, path));
    const sluice_status status = read_config(out, config, path);
    json_decref(config);
    return status;
}

/* ---- writing ---- */

sluice_status sluice_gpt_config_write(const char *path, const sluice_gpt_config *config) {
    json_t *object = json_pack(
        "{s:[s], s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:n, s:s, s:f, s:b, s:f, s:f, s:f, s:f, s:s}",
        "architectures", "GPT2LMHeadModel", "model_type", "gpt2", "vocab_size",
        (json_int_t)config->vocabulary, "n_positions", (json_int_t)config->positions, "n_ctx",
        (json_int_t)config->positions, "n_embd", (json_int_t)config->width, "n_layer",
        (json_int_t)config->layers, "n_head", (json_int_t)config->heads, "n_inner",
        "activation_function", "gelu_new", "layer_norm_epsilon", 1e-5, "tie_word_embeddings",
        (int)config->tied, "attn_pdrop", (double)config->dropout, "embd_pdrop",
        (double)config->dropout, "resid_pdrop", (double)config->dropout, "initializer_range", 0.02,
        "torch_dtype", "float32");
    char *text = NULL;
    sluice_status status =
        sluice__json_print(&text, object, JSON_INDENT(2) | JSON_REAL_PRECISION(7), path);
    json_decref(object);
    SLUICE__TRY(status);
    sluice__writer writer;
    status = sluice__write_begin(&writer, path);
    if (status == SLUICE_OK) {
        status = sluice__write(&writer, text, strlen(text));
        if (status == SLUICE_OK) status = sluice__write(&writer, "\n", 1);
        status = sluice__write_end(&writer, status);
    }
    sluice__json_free(text);
    return status;
}
