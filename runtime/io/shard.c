/* SPDX-License-Identifier: MIT */
/* shard.c -- the header of a safetensors file: every length, shape, type and range is checked
 * before anything relies on it. */
#include "runtime/io/shard.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/json.h"

enum { LENGTH_BYTES = 8, MAX_HEADER = 100000000 /* as in the format's own library */ };

/* ---- the JSON ---- */

static uint64_t number_of(const unsigned char bytes[LENGTH_BYTES]) {
    uint64_t length = 0;
    for (int k = LENGTH_BYTES - 1; k >= 0; k--) length = length << 8 | bytes[k];
    return length;
}

static sluice_status read_header(sluice__shard *in) {
    const char *const path = in->file.path;
    const uint64_t size    = in->file.size;
    unsigned char bytes[LENGTH_BYTES];
    char what[512];
    if (size < LENGTH_BYTES)
        return sluice__fail(SLUICE_E_PARSE, "'%s' has %llu bytes, too few for a safetensors file",
                            path, (unsigned long long)size);
    SLUICE__TRY(sluice__input_read(bytes, &in->file, 0, sizeof bytes));
    const uint64_t length = number_of(bytes);
    if (length > size - LENGTH_BYTES)
        return sluice__fail(SLUICE_E_PARSE,
                            "'%s' says its header has %llu bytes, but %llu bytes follow", path,
                            (unsigned long long)length, (unsigned long long)(size - LENGTH_BYTES));
    if (length > MAX_HEADER)
        return sluice__fail(SLUICE_E_PARSE, "'%s' has a header of %llu bytes; at most %d are read",
                            path, (unsigned long long)length, MAX_HEADER);
    (void)snprintf(what, sizeof what, "the header of '%s'", path);
    SLUICE__TRY(sluice__json_read(&in->header, &in->file, LENGTH_BYTES, (size_t)length, what));
    in->data       = LENGTH_BYTES + length;
    in->data_bytes = size - in->data;
    return SLUICE_OK;
}

/* ---- one tensor ---- */

static sluice_status bad(const sluice__shard *in, const char *name, const char *what) {
    return sluice__fail(SLUICE_E_PARSE, "tensor '%.200s' of '%s' %s", name, in->file.path, what);
}

/* Names appear in errors, and must not control a terminal. */
static sluice_status check_name(const sluice__shard *in, const char *name) {
    for (const char *at = name; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return sluice__fail(SLUICE_E_PARSE, "'%s' has a tensor whose name has byte 0x%02x",
                                in->file.path, (unsigned)*at);
    return SLUICE_OK;
}

static sluice_status read_type(const char **type, size_t *bytes, const sluice__shard *in,
                               const char *name, const json_t *entry) {
    static const struct {
        const char *name;
        size_t bytes;
    } known[]              = {{"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F64", 8},     {"I64", 8},
                              {"I32", 4}, {"I16", 2}, {"I8", 1},   {"U64", 8},     {"U32", 4},
                              {"U16", 2}, {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
    const char *const text = json_string_value(json_object_get(entry, "dtype"));
    if (!text) return bad(in, name, "has no dtype");
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        if (strcmp(text, known[k].name) != 0) continue;
        *type  = known[k].name;
        *bytes = known[k].bytes;
        return SLUICE_OK;
    }
    return sluice__fail(SLUICE_E_UNSUPPORTED, "tensor '%.200s' of '%s' has an unknown dtype", name,
                        in->file.path);
}

static sluice_status read_shape(sluice_shape *out, const sluice__shard *in, const char *name,
                                const json_t *dims) {
    sluice_shape shape = {.type = SLUICE_TYPE_F32, .dim_count = (int)json_array_size(dims)};
    if (!json_is_array(dims)) return bad(in, name, "has no list of dimensions");
    if (json_array_size(dims) > SLUICE_MAX_DIMS)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "tensor '%.200s' of '%s' has %zu dimensions; at most %d are supported",
                            name, in->file.path, json_array_size(dims), SLUICE_MAX_DIMS);
    int64_t elements = 1;
    for (int k = 0; k < shape.dim_count; k++) {
        const json_t *dim = json_array_get(dims, (size_t)k);
        shape.dims[k]     = json_is_integer(dim) ? json_integer_value(dim) : -1;
        if (shape.dims[k] < 0 || __builtin_mul_overflow(elements, shape.dims[k], &elements) ||
            elements > INT64_MAX / 8)
            return bad(in, name, "has a dimension that is not a size");
    }
    *out = shape;
    return SLUICE_OK;
}

static sluice_status read_range(sluice__shard_tensor *out, const sluice__shard *in,
                                const char *name, const json_t *offsets) {
    const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return bad(in, name, "does not have two data_offsets");
    const json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin || (uint64_t)end > in->data_bytes)
        return sluice__fail(
            SLUICE_E_PARSE,
            "tensor '%.200s' of '%s' is at %lld..%lld, but there are %llu bytes of data", name,
            in->file.path, (long long)begin, (long long)end, (unsigned long long)in->data_bytes);
    out->begin = (uint64_t)begin;
    out->end   = (uint64_t)end;
    return SLUICE_OK;
}

static sluice_status read_tensor(sluice__shard_tensor *out, const sluice__shard *in,
                                 const char *name, const json_t *entry) {
    sluice__shard_tensor tensor = {.shard = in, .about = {.name = name, .file = in->file.path}};
    SLUICE__TRY(check_name(in, name));
    SLUICE__TRY(read_type(&tensor.about.type, &tensor.element_bytes, in, name, entry));
    SLUICE__TRY(read_shape(&tensor.about.shape, in, name, json_object_get(entry, "shape")));
    SLUICE__TRY(read_range(&tensor, in, name, json_object_get(entry, "data_offsets")));
    const uint64_t needed =
        (uint64_t)sluice_shape_count(&tensor.about.shape) * tensor.element_bytes;
    if (tensor.end - tensor.begin != needed)
        return sluice__fail(SLUICE_E_PARSE,
                            "tensor '%.200s' of '%s' has a shape that does not fit its "
                            "data_offsets: %llu bytes of %s are needed, %llu are there",
                            name, in->file.path, (unsigned long long)needed, tensor.about.type,
                            (unsigned long long)(tensor.end - tensor.begin));
    *out = tensor;
    return SLUICE_OK;
}

/* ---- all of them ---- */

static int compare_ranges(const void *left, const void *right) {
    const sluice__shard_tensor *a = left, *b = right;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    if (a->end != b->end) return a->end < b->end ? -1 : 1;
    return strcmp(a->about.name, b->about.name);
}

/* The tensors fill the data without gaps or overlap. */
static sluice_status check_ranges(const sluice__shard *in) {
    uint64_t at = 0;
    for (int k = 0; k < in->count; k++) {
        const sluice__shard_tensor *const tensor = &in->tensors[k];
        if (tensor->begin < at)
            return sluice__fail(SLUICE_E_PARSE,
                                "tensor '%.200s' of '%s' shares bytes with another: it begins at "
                                "%llu, '%.200s' ends at %llu",
                                tensor->about.name, in->file.path,
                                (unsigned long long)tensor->begin, tensor[-1].about.name,
                                (unsigned long long)at);
        if (tensor->begin > at)
            return sluice__fail(SLUICE_E_PARSE,
                                "tensor '%.200s' of '%s' comes after bytes that belong to no "
                                "tensor: %llu to %llu",
                                tensor->about.name, in->file.path, (unsigned long long)at,
                                (unsigned long long)tensor->begin);
        at = tensor->end;
    }
    if (at == in->data_bytes) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE, "'%s' has %llu bytes after its last tensor", in->file.path,
                        (unsigned long long)(in->data_bytes - at));
}

static sluice_status read_tensors(sluice__shard *in) {
    SLUICE__TRY(sluice__alloc(&in->tensors, json_object_size(in->header), sizeof *in->tensors));
    const char *name;
    json_t *entry;
    json_object_foreach(in->header, name, entry) {
        if (strcmp(name, "__metadata__") == 0) continue;
        SLUICE__TRY(read_tensor(&in->tensors[in->count], in, name, entry));
        in->count++;
    }
    if (in->count > 0) qsort(in->tensors, (size_t)in->count, sizeof *in->tensors, compare_ranges);
    return check_ranges(in);
}

sluice_status sluice__shard_open(sluice__shard *out, const char *path) {
    *out = (sluice__shard){0};
    SLUICE__TRY(sluice__input_open(&out->file, path));
    sluice_status status = read_header(out);
    if (status == SLUICE_OK) status = read_tensors(out);
    if (status != SLUICE_OK) sluice__shard_close(out);
    return status;
}

void sluice__shard_close(sluice__shard *shard) {
    sluice__input_close(&shard->file);
    json_decref(shard->header);
    sluice__free(shard->tensors);
    *shard = (sluice__shard){0};
}
