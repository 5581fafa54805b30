/* SPDX-License-Identifier: MIT */
/* json.c -- reading and printing JSON by jansson, with Sluice's errors. */
#include "runtime/io/json.h"

#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

static sluice_status no_memory(const char *what) {
    return sluice__fail(SLUICE_E_HOST_MEMORY, "out of host memory for %s", what);
}

static sluice_status parse(json_t **out, const void *bytes, size_t size, size_t flags,
                           const char *what) {
    json_error_t error;
    json_t *object = json_loadb(bytes, size, JSON_REJECT_DUPLICATES | flags, &error);
    if (!object && json_error_code(&error) == json_error_out_of_memory) return no_memory(what);
    if (!object)
        return sluice__fail(SLUICE_E_PARSE, "%s, line %d, byte %d: %s", what, error.line,
                            error.position, error.text);
    if (json_is_object(object)) {
        *out = object;
        return SLUICE_OK;
    }
    json_decref(object);
    return sluice__fail(SLUICE_E_PARSE, "%s is not a JSON object", what);
}

sluice_status sluice__json_object(json_t **out, const void *bytes, size_t size, const char *what) {
    return parse(out, bytes, size, 0, what);
}

sluice_status sluice__json_loose(json_t **out, const void *bytes, size_t size, const char *what) {
    return parse(out, bytes, size, JSON_DECODE_INT_AS_REAL, what);
}

sluice_status sluice__json_read(json_t **out, const sluice__input_file *file, uint64_t offset,
                                size_t bytes, const char *what) {
    char *text = NULL;
    SLUICE__TRY(sluice__alloc(&text, bytes, 1));
    sluice_status status = sluice__input_read(text, file, offset, bytes);
    if (status == SLUICE_OK) status = sluice__json_object(out, text, bytes, what);
    sluice__free(text);
    return status;
}

sluice_status sluice__json_file(json_t **out, const char *path, uint64_t max) {
    sluice__input_file file;
    char what[512];
    (void)snprintf(what, sizeof what, "'%s'", path);
    SLUICE__TRY(sluice__input_open(&file, path));
    sluice_status status = SLUICE_OK;
    if (file.size > max)
        status = sluice__fail(SLUICE_E_PARSE, "'%s' has %llu bytes; at most %llu are read", path,
                              (unsigned long long)file.size, (unsigned long long)max);
    else
        status = sluice__json_read(out, &file, 0, (size_t)file.size, what);
    sluice__input_close(&file);
    return status;
}

sluice_status sluice__json_print(char **out, const json_t *value, size_t flags, const char *what) {
    char *text = value ? json_dumps(value, flags) : NULL;
    if (!text) return no_memory(what);
    *out = text;
    return SLUICE_OK;
}

/* With jansson's own function: a program may have set jansson's allocator. */
void sluice__json_free(char *text) {
    json_free_t release = NULL;
    json_get_alloc_funcs(NULL, &release);
    if (text) release(text);
}

/* Takes the value. */
static sluice_status add(sluice__text *to, const char *before, json_t *value) {
    char *text = NULL;
    sluice_status status =
        sluice__json_print(&text, value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9), "a file");
    json_decref(value);
    if (status == SLUICE_OK) status = sluice__text_add(to, "%s%s", before, text);
    sluice__json_free(text);
    return status;
}

sluice_status sluice__json_add_text(sluice__text *to, const char *before, const char *text) {
    return add(to, before, json_string(text));
}

sluice_status sluice__json_add_number(sluice__text *to, const char *before, double number) {
    return add(to, before, json_real(number));
}

sluice_status sluice__json_add_count(sluice__text *to, const char *before, int64_t count) {
    return sluice__text_add(to, "%s%lld", before, (long long)count);
}

sluice_status sluice__json_add_known_text(sluice__text *to, const char *before, const char *text) {
    return text ? sluice__json_add_text(to, before, text) : SLUICE_OK;
}

sluice_status sluice__json_add_known_number(sluice__text *to, const char *before, double number) {
    return number > 0 ? sluice__json_add_number(to, before, number) : SLUICE_OK;
}

sluice_status sluice__json_add_known_count(sluice__text *to, const char *before, int64_t count) {
    return count > 0 ? sluice__json_add_count(to, before, count) : SLUICE_OK;
}
