/* SPDX-License-Identifier: MIT */
/* config_file.c -- a model's config.json by jansson: reading keys, and writing a new file. */
#include "runtime/io/config_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/json.h"
#include "runtime/io/write.h"
#include "sluice/file.h"

enum { MAX_COUNT = 1 << 30, MAX_BYTES = 1 << 24 };

/* ---- reading ---- */

sluice_status sluice__config_open(sluice__config_file *out, const char *path) {
    json_t *object = NULL;
    SLUICE__TRY(sluice__json_file(&object, path, MAX_BYTES));
    *out = (sluice__config_file){.object = object, .path = path};
    return SLUICE_OK;
}

void sluice__config_close(sluice__config_file *file) {
    json_decref(file->object);
}

bool sluice__config_has(const sluice__config_file *file, const char *key) {
    const json_t *value = json_object_get(file->object, key);
    return value && !json_is_null(value);
}

bool sluice__config_inside(sluice__config_file *out, const sluice__config_file *file,
                           const char *key) {
    json_t *const value = json_object_get(file->object, key);
    if (!json_is_object(value)) return false;
    *out = (sluice__config_file){.object = value, .path = file->path};
    return true;
}

static bool is_literal(const json_t *value, const char *literal) {
    if (literal[0] == '"') {
        const char *text    = json_string_value(value);
        const size_t length = strlen(literal) - 2; /* without the quotes */
        return text && strlen(text) == length && memcmp(text, literal + 1, length) == 0;
    }
    if (strcmp(literal, "true") == 0) return json_is_true(value);
    if (strcmp(literal, "false") == 0) return json_is_false(value);
    if (strcmp(literal, "null") == 0) return json_is_null(value);
    if (strcmp(literal, "{}") == 0) return json_is_object(value) && json_object_size(value) == 0;
    return json_is_number(value) && json_number_value(value) == strtod(literal, NULL);
}

bool sluice__config_is(const sluice__config_file *file, const char *key, const char *literal) {
    return is_literal(json_object_get(file->object, key), literal);
}

bool sluice__config_all_are(const sluice__config_file *file, const char *key, const char *literal) {
    const json_t *const list = json_object_get(file->object, key);
    for (size_t k = 0; k < json_array_size(list); k++)
        if (!is_literal(json_array_get(list, k), literal)) return false;
    return json_is_array(list);
}

sluice_status sluice__config_count(int64_t *out, const sluice__config_file *file, const char *key) {
    const json_t *value = json_object_get(file->object, key);
    if (!value) return sluice__fail(SLUICE_E_PARSE, "'%s' has no \"%s\"", file->path, key);
    const int64_t count = json_is_integer(value) ? json_integer_value(value) : 0;
    if (count < 1 || count > MAX_COUNT)
        return sluice__fail(SLUICE_E_PARSE, "\"%s\" in '%s' is not a count from 1 to %d", key,
                            file->path, MAX_COUNT);
    *out = count;
    return SLUICE_OK;
}

sluice_status sluice__config_count_or(int64_t *out, const sluice__config_file *file,
                                      const char *key, int64_t otherwise) {
    if (sluice__config_has(file, key)) return sluice__config_count(out, file, key);
    *out = otherwise;
    return SLUICE_OK;
}

sluice_status sluice__config_flag(bool *out, const sluice__config_file *file, const char *key,
                                  bool otherwise) {
    const json_t *value = json_object_get(file->object, key);
    if (value && !json_is_boolean(value))
        return sluice__fail(SLUICE_E_PARSE, "\"%s\" in '%s' is neither true nor false", key,
                            file->path);
    *out = value ? json_is_true(value) : otherwise;
    return SLUICE_OK;
}

sluice_status sluice__config_number(double *out, const sluice__config_file *file, const char *key,
                                    double otherwise) {
    const json_t *value = json_object_get(file->object, key);
    const double number = value ? json_number_value(value) : otherwise;
    if (!(number > 0)) /* jansson's numbers are finite */
        return sluice__fail(SLUICE_E_PARSE, "\"%s\" in '%s' is not a number above 0", key,
                            file->path);
    *out = number;
    return SLUICE_OK;
}

sluice_status sluice__config_float(float *out, const sluice__config_file *file, const char *key,
                                   float otherwise) {
    double number = 0;
    SLUICE__TRY(sluice__config_number(&number, file, key, (double)otherwise));
    const float nearest = (float)number;
    if (!(nearest > 0) || isinf(nearest))
        return sluice__fail(SLUICE_E_PARSE, "\"%s\" in '%s' is %g, which fp32 does not hold", key,
                            file->path, number);
    *out = nearest;
    return SLUICE_OK;
}

static sluice_status read_token(int64_t *out, const json_t *value, const sluice__config_file *file,
                                const char *key) {
    const bool is_null  = json_is_null(value);
    const int64_t token = is_null ? -1 : json_integer_value(value);
    if (!is_null && (!json_is_integer(value) || token < 0))
        return sluice__fail(SLUICE_E_PARSE, "\"%s\" in '%s' is not the id of a token", key,
                            file->path);
    *out = token;
    return SLUICE_OK;
}

sluice_status sluice__config_token(int64_t *out, const sluice__config_file *file, const char *key) {
    const json_t *const value = json_object_get(file->object, key);
    return value ? read_token(out, value, file, key) : SLUICE_OK;
}

sluice_status sluice__config_tokens(int64_t *out, int64_t *others, int *more, int max,
                                    const sluice__config_file *file, const char *key) {
    const json_t *const list = json_object_get(file->object, key);
    const size_t count       = json_array_size(list);
    if (!json_is_array(list) || count == 0) return sluice__config_token(out, file, key);
    if (count > (size_t)max + 1)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "\"%s\" in '%s' is a list of %zu tokens; there may be %d", key,
                            file->path, count, max + 1);
    SLUICE__TRY(read_token(out, json_array_get(list, 0), file, key));
    for (size_t k = 1; k < count; k++)
        SLUICE__TRY(read_token(&others[k - 1], json_array_get(list, k), file, key));
    *more = (int)count - 1;
    return SLUICE_OK;
}

const char *sluice__config_other(const sluice__config_file *file,
                                 bool (*is_known)(const char *key, const void *context),
                                 const void *context) {
    const char *key;
    json_t *value;
    json_object_foreach(file->object, key, value) {
        if (!json_is_null(value) && !is_known(key, context)) return key;
    }
    return NULL;
}

sluice_status sluice__config_unsupported(const sluice__config_file *file, const char *key,
                                         const char *supported) {
    char *text = NULL;
    SLUICE__TRY(sluice__json_print(&text, json_object_get(file->object, key),
                                   JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9),
                                   file->path));
    sluice__fail(SLUICE_E_UNSUPPORTED, "\"%s\" in '%s' is %.100s; only %s is supported", key,
                 file->path, text, supported);
    sluice__json_free(text);
    return SLUICE_E_UNSUPPORTED;
}

sluice_status sluice__config_expect(const sluice__config_file *file, const char *key,
                                    const char *literal) {
    if (!json_object_get(file->object, key) || sluice__config_is(file, key, literal))
        return SLUICE_OK;
    return sluice__config_unsupported(file, key, literal);
}

/* ---- writing ---- */

void sluice__config_create(sluice__config_file *out, const char *path) {
    *out = (sluice__config_file){.object = json_object(), .path = path};
}

/* A *_new function of jansson takes over the value, accepts NULL, and returns the failure. */
static void set(sluice__config_file *file, const char *key, json_t *value) {
    if (json_object_set_new(file->object, key, value) != 0) file->failed = true;
}

void sluice__config_set_text(sluice__config_file *file, const char *key, const char *text) {
    set(file, key, json_string(text));
}

void sluice__config_set_texts(sluice__config_file *file, const char *key, const char *only) {
    set(file, key, json_pack("[s]", only));
}

void sluice__config_set_count(sluice__config_file *file, const char *key, int64_t count) {
    set(file, key, json_integer((json_int_t)count));
}

/* As few digits as give the same number. */
static int digits_of(double number) {
    char text[32];
    for (int digits = 1; digits < 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) return digits;
    }
    return 17;
}

void sluice__config_set_float(sluice__config_file *file, const char *key, float number) {
    char text[32];
    for (int digits = 1; digits <= 9; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, (double)number);
        if (strtof(text, NULL) == number) break;
    }
    sluice__config_set_number(file, key, strtod(text, NULL));
}

void sluice__config_set_number(sluice__config_file *file, const char *key, double number) {
    const int digits = digits_of(number);
    if (digits > file->digits) file->digits = digits;
    set(file, key, json_real(number));
}

void sluice__config_set_flag(sluice__config_file *file, const char *key, bool flag) {
    set(file, key, json_boolean(flag));
}

void sluice__config_set_null(sluice__config_file *file, const char *key) {
    set(file, key, json_null());
}

void sluice__config_set_counts(sluice__config_file *file, const char *key, const int64_t *list,
                               int count) {
    json_t *const array = json_array();
    for (int k = 0; k < count; k++)
        if (json_array_append_new(array, json_integer((json_int_t)list[k])) != 0)
            file->failed = true;
    set(file, key, array);
}

void sluice__config_set_object(sluice__config_file *file, const char *key,
                               sluice__config_file *inside) {
    file->failed = file->failed || inside->failed;
    if (inside->digits > file->digits) file->digits = inside->digits;
    set(file, key, inside->object);
    inside->object = NULL;
}

sluice_status sluice__config_save(const sluice__config_file *file) {
    char *text = NULL;
    sluice__writer writer;
    SLUICE__TRY(sluice__json_print(&text, file->failed ? NULL : file->object,
                                   JSON_INDENT(2) | JSON_REAL_PRECISION((size_t)file->digits),
                                   file->path));
    sluice_status status = sluice__write_begin(&writer, file->path);
    if (status == SLUICE_OK) {
        status = sluice__write(&writer, text, strlen(text));
        if (status == SLUICE_OK) status = sluice__write(&writer, "\n", 1);
        status = sluice__write_end(&writer, status);
    }
    sluice__json_free(text);
    return status;
}
