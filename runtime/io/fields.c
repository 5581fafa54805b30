/* SPDX-License-Identifier: MIT */
/* fields.c -- JSON objects with a fixed set of fields. */
#include "runtime/io/fields.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/text.h"

sluice_status sluice__fields_check(json_t *object, const char *const *known, const char *where) {
    if (!json_is_object(object)) return sluice__fail(SLUICE_E_PARSE, "%s is not an object", where);
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
        if (!sluice__is_listed(json_object_iter_key(at), known))
            return sluice__fail(SLUICE_E_PARSE, "%s has a key \"%.64s\", which is not known", where,
                                json_object_iter_key(at));
    return SLUICE_OK;
}

static sluice_status find(const json_t **out, const json_t *object, const char *key,
                          const char *where) {
    *out = json_object_get(object, key);
    if (*out) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE, "%s has no \"%s\"", where, key);
}

sluice_status sluice__field_number(double *out, const json_t *object, const char *key,
                                   const char *where) {
    const json_t *value;
    SLUICE__TRY(find(&value, object, key, where));
    const double number = json_is_number(value) ? json_number_value(value) : -1;
    if (!(number >= 0) || !isfinite(number))
        return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" is not a number of 0 or more", where, key);
    *out = number;
    return SLUICE_OK;
}

sluice_status sluice__field_count(int64_t *out, const json_t *object, const char *key, int64_t min,
                                  const char *where) {
    const json_t *value;
    SLUICE__TRY(find(&value, object, key, where));
    if (!json_is_integer(value) || json_integer_value(value) < min)
        return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" is not a whole number of %lld or more",
                            where, key, (long long)min);
    *out = json_integer_value(value);
    return SLUICE_OK;
}

sluice_status sluice__field_bytes(size_t *out, const json_t *object, const char *key,
                                  const char *where) {
    const int64_t max = (int64_t)1 << 40;
    int64_t bytes     = 0;
    SLUICE__TRY(sluice__field_count(&bytes, object, key, 0, where));
    if (bytes > max)
        return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" is %lld, more than 1 TiB", where, key,
                            (long long)bytes);
    *out = (size_t)bytes;
    return SLUICE_OK;
}

sluice_status sluice__field_text(const char **out, const json_t *object, const char *key,
                                 const char *where) {
    const json_t *value;
    SLUICE__TRY(find(&value, object, key, where));
    if (!json_is_string(value))
        return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" is not a text", where, key);
    *out = json_string_value(value);
    return SLUICE_OK;
}

sluice_status sluice__field_list(const json_t **out, const json_t *object, const char *key,
                                 const char *where) {
    const json_t *value;
    SLUICE__TRY(find(&value, object, key, where));
    if (!json_is_array(value) || json_array_size(value) == 0)
        return sluice__fail(SLUICE_E_PARSE, "%s: \"%s\" is not a list of one or more", where, key);
    *out = value;
    return SLUICE_OK;
}
