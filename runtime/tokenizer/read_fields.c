/* SPDX-License-Identifier: MIT */
/* read_fields.c -- the fields of a tokenizer's JSON: what is not known is refused by name. */
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/io/json.h"
#include "runtime/tokenizer/read_bpe.h"

sluice_status sluice__bpe_text(const char **out, const json_t *object, const char *key,
                               const char *where) {
    const json_t *const value = json_object_get(object, key);
    if (value && !json_is_null(value) && !json_is_string(value))
        return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" is not a text", where, key);
    *out = json_string_value(value);
    return SLUICE_OK;
}

sluice_status sluice__bpe_flag(bool *out, const json_t *object, const char *key, bool otherwise,
                               const char *where) {
    const json_t *const value = json_object_get(object, key);
    if (value && !json_is_null(value) && !json_is_boolean(value))
        return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" is neither true nor false", where, key);
    *out = json_is_boolean(value) ? json_is_true(value) : otherwise;
    return SLUICE_OK;
}

sluice_status sluice__bpe_keys(json_t *object, const char *const *known, const char *where) {
    const char *key;
    json_t *value;
    if (!json_is_object(object)) return sluice__fail(SLUICE_E_PARSE, "%s is not an object", where);
    json_object_foreach(object, key, value) {
        if (!sluice__is_listed(key, known))
            return sluice__fail(SLUICE_E_UNSUPPORTED,
                                "%s has \"%.60s\", which is not known, and might change the tokens",
                                where, key);
    }
    return SLUICE_OK;
}

sluice_status sluice__bpe_type(const char **out, json_t *object, const char *where) {
    SLUICE__TRY(sluice__bpe_text(out, object, "type", where));
    if (!*out) return sluice__fail(SLUICE_E_PARSE, "%s has no \"type\"", where);
    return SLUICE_OK;
}

sluice_status sluice__bpe_parse(json_t **out, const sluice__tokenizer_file *file) {
    return sluice__json_object(out, file->bytes, file->count, file->name);
}
