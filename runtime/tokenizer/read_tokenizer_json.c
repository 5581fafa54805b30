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

/* A byte without a token gets that of what is unknown, if there is one: it is left out otherwise.
 */
static sluice_status set_unknown(sluice_bpe *in, int byte, const char *text, const json_t *id) {
    if (!text) return SLUICE_OK;
    if (!id)
        return sluice__fail(SLUICE_E_PARSE,
                            "%s: byte 0x%02X has no token, and \"unk_token\", which it would get, "
                            "is '%.60s', which has no id",
                            name, (unsigned)byte, text);
    in->of_byte[byte]    = (int32_t)json_integer_value(id);
    in->is_unknown[byte] = true;
    return SLUICE_OK;
}

/* What becomes of bytes that have no token; nothing of this matters where all have one. */
static sluice_status read_unknown(sluice_bpe *to, const json_t *model) {
    const char *text = NULL;
    bool falls_back  = false;
    SLUICE__TRY(sluice__bpe_text(&text, model, "unk_token", name));
    SLUICE__TRY(sluice__bpe_flag(&to->fuses_unknown, model, "fuse_unk", false, name));
    SLUICE__TRY(sluice__bpe_flag(&falls_back, model, "byte_fallback", false, name));
    const json_t *const id = text ? json_object_get(json_object_get(model, "vocab"), text) : NULL;
    for (int byte = 0; byte < 256; byte++) {
        if (to->of_byte[byte] >= 0) continue;
        if (falls_back)
            return sluice__fail(SLUICE_E_UNSUPPORTED,
                                "%s: \"byte_fallback\" is supported only where each of the 256 "
                                "bytes has a token, and 0x%02X has none",
                                name, (unsigned)byte);
        SLUICE__TRY(set_unknown(to, byte, text, id));
    }
    return SLUICE_OK;
}

static sluice_status read_model(sluice_bpe *to, json_t *model) {
    json_t *const vocabulary = json_object_get(model, "vocab");
    SLUICE__TRY(sluice__bpe_flag(&to->ignores_merges, model, "ignore_merges", false, name));
    SLUICE__TRY(sluice__read_tokens(to, vocabulary, name));
    SLUICE__TRY(read_unknown(to, model));
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
