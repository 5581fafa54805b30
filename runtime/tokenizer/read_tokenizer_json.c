/* SPDX-License-Identifier: MIT */
/* read_tokenizer_json.c -- tokenizer.json, as the `tokenizers` library writes it. */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/tokenizer/read_bpe.h"

static const char name[] = "tokenizer.json";

/* ---- the model ---- */

static sluice_status check_empty(const json_t *model, const char *key) {
    const char *text = NULL;
    SLUICE__TRY(sluice__bpe_text(&text, model, key, name));
    if (!text || text[0] == '\0') return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED, "%s: \"%s\" is '%.60s', which is not supported", name,
                        key, text);
}

static sluice_status check_dropout(const json_t *model) {
    const json_t *const dropout = json_object_get(model, "dropout");
    if (!dropout || json_is_null(dropout)) return SLUICE_OK;
    if (json_is_number(dropout) && json_number_value(dropout) == 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED,
                        "%s: \"dropout\" makes tokens by chance, which is not supported", name);
}

/* unk_token, fuse_unk and byte_fallback are about characters that are no tokens: there are none
 * where each byte has one. */
static sluice_status check_model(json_t *model) {
    static const char *const known[] = {"type",
                                        "dropout",
                                        "unk_token",
                                        "continuing_subword_prefix",
                                        "end_of_word_suffix",
                                        "fuse_unk",
                                        "byte_fallback",
                                        "ignore_merges",
                                        "vocab",
                                        "merges",
                                        NULL};
    const char *type                 = NULL;
    if (!json_is_object(model)) return sluice__fail(SLUICE_E_PARSE, "%s has no \"model\"", name);
    SLUICE__TRY(sluice__bpe_text(&type, model, "type", name));
    if (type && strcmp(type, "BPE") != 0)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "%s has a model of type '%.60s'; BPE on bytes is supported", name,
                            type);
    SLUICE__TRY(sluice__bpe_keys(model, known, "the model of tokenizer.json"));
    SLUICE__TRY(check_empty(model, "continuing_subword_prefix"));
    SLUICE__TRY(check_empty(model, "end_of_word_suffix"));
    return check_dropout(model);
}

static sluice_status read_model(sluice_bpe *to, json_t *model) {
    json_t *const vocabulary = json_object_get(model, "vocab");
    SLUICE__TRY(sluice__bpe_flag(&to->ignores_merges, model, "ignore_merges", false, name));
    SLUICE__TRY(sluice__read_tokens(to, vocabulary, name));
    return sluice__read_merges(to, vocabulary, json_object_get(model, "merges"), name);
}

/* ---- all of it ---- */

/* What tokens become is their bytes. */
static sluice_status check_decoder(json_t *object) {
    const char *type = NULL;
    if (!object || json_is_null(object)) return SLUICE_OK;
    SLUICE__TRY(sluice__bpe_type(&type, object, "the decoder"));
    if (strcmp(type, "ByteLevel") == 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED,
                        "a decoder of type '%.60s' is not supported; ByteLevel is", type);
}

static sluice_status read_parts(sluice_bpe *to, json_t *object) {
    static const char *const known[] = {
        "version",       "truncation",     "padding", "added_tokens", "normalizer",
        "pre_tokenizer", "post_processor", "decoder", "model",        NULL};
    json_t *const model = json_object_get(object, "model");
    SLUICE__TRY(sluice__bpe_keys(object, known, name));
    SLUICE__TRY(check_model(model));
    SLUICE__TRY(sluice__read_normalizer(to, json_object_get(object, "normalizer")));
    SLUICE__TRY(sluice__read_splits(to, json_object_get(object, "pre_tokenizer")));
    SLUICE__TRY(check_decoder(json_object_get(object, "decoder")));
    SLUICE__TRY(read_model(to, model));
    SLUICE__TRY(sluice__read_added(to, json_object_get(model, "vocab"),
                                   json_object_get(object, "added_tokens"),
                                   "\"added_tokens\" of tokenizer.json"));
    SLUICE__TRY(sluice__tokens_index(&to->tokens));
    return sluice__read_post(to, json_object_get(object, "post_processor"));
}

sluice_status sluice__read_tokenizer_json(sluice_bpe *to, const sluice__tokenizer_file *file) {
    json_t *object = NULL;
    SLUICE__TRY(sluice__bpe_parse(&object, file));
    const sluice_status status = read_parts(to, object);
    json_decref(object);
    return status;
}
