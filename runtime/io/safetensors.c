/* SPDX-License-Identifier: MIT */
/* safetensors.c -- reading and writing files of named tensors. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/json.h"
#include "runtime/io/mapped.h"
#include "runtime/io/safetensors_head.h"
#include "runtime/io/write.h"
#include "sluice/file.h"

enum { LENGTH_BYTES = 8, HEADER_MOST = 100000000 };

struct sluice_safetensors {
    sluice__mapped file;
    const char *path; /* during opening */
    json_t *header;   /* owns the names */
    const unsigned char *data;
    size_t data_bytes;
    sluice_named_tensor *tensors; /* in the order of the file */
    int count;
};

/* ---- reading ---- */

static uint64_t read_length(const unsigned char *at) {
    uint64_t length = 0;
    for (int k = LENGTH_BYTES - 1; k >= 0; k--) length = length << 8 | at[k];
    return length;
}

static sluice_status parse_header(sluice_safetensors *in) {
    const size_t size = in->file.size;
    if (size < LENGTH_BYTES)
        return sluice__fail(SLUICE_E_PARSE, "'%s' has %zu bytes, too few for a safetensors file",
                            in->path, size);
    const uint64_t length = read_length(in->file.bytes);
    if (length > size - LENGTH_BYTES || length > HEADER_MOST)
        return sluice__fail(SLUICE_E_PARSE,
                            "'%s' says its header has %llu bytes, but %zu bytes follow", in->path,
                            (unsigned long long)length, size - LENGTH_BYTES);
    char what[512];
    (void)snprintf(what, sizeof what, "the header of '%s'", in->path);
    SLUICE__TRY(
        sluice__json_object(&in->header, in->file.bytes + LENGTH_BYTES, (size_t)length, what));
    in->data       = in->file.bytes + LENGTH_BYTES + length;
    in->data_bytes = size - LENGTH_BYTES - (size_t)length;
    return SLUICE_OK;
}

static sluice_status bad(const sluice_safetensors *in, const char *name, const char *what) {
    return sluice__fail(SLUICE_E_PARSE, "tensor '%.200s' of '%s' %s", name, in->path, what);
}

static sluice_status read_shape(const sluice_safetensors *in, const char *name, const json_t *dims,
                                sluice_shape *out) {
    sluice_shape shape = {.type = SLUICE_TYPE_F32, .dim_count = (int)json_array_size(dims)};
    if (!json_is_array(dims)) return bad(in, name, "has no list of dimensions");
    if (json_array_size(dims) > SLUICE_MAX_DIMS)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "tensor '%.200s' of '%s' has %zu dimensions; at most %d are supported",
                            name, in->path, json_array_size(dims), SLUICE_MAX_DIMS);
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

static sluice_status read_tensor(const sluice_safetensors *in, const char *name,
                                 const json_t *entry, sluice_named_tensor *out) {
    const char *type      = json_string_value(json_object_get(entry, "dtype"));
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    if (!type) return bad(in, name, "has no dtype");
    if (strcmp(type, "F32") != 0)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "tensor '%.200s' of '%s' is %.20s; only F32 is read", name, in->path,
                            type);
    SLUICE__TRY(read_shape(in, name, json_object_get(entry, "shape"), &out->shape));
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return bad(in, name, "does not have two data_offsets");
    const json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin || (uint64_t)end > in->data_bytes)
        return sluice__fail(
            SLUICE_E_PARSE,
            "tensor '%.200s' of '%s' is at %lld..%lld, but there are %zu bytes of data", name,
            in->path, (long long)begin, (long long)end, in->data_bytes);
    if ((size_t)(end - begin) != sluice_shape_bytes(&out->shape))
        return bad(in, name, "has a shape that does not fit its data_offsets");
    out->name   = name;
    out->values = (const float *)(const void *)(in->data + begin);
    return SLUICE_OK;
}

static int compare_places(const void *left, const void *right) {
    const sluice_named_tensor *a = left, *b = right;
    const uintptr_t at = (uintptr_t)a->values, bt = (uintptr_t)b->values;
    if (at != bt) return at < bt ? -1 : 1;
    return sluice_shape_bytes(&a->shape) < sluice_shape_bytes(&b->shape) ? -1 : 1;
}

/* The tensors fill the data without gaps or overlap. */
static sluice_status check_places(const sluice_safetensors *in) {
    const unsigned char *at = in->data;
    for (int k = 0; k < in->count; k++) {
        const unsigned char *begin = (const unsigned char *)in->tensors[k].values;
        if (begin < at) return bad(in, in->tensors[k].name, "shares bytes with another");
        if (begin > at)
            return bad(in, in->tensors[k].name, "comes after bytes that belong to no tensor");
        at = begin + sluice_shape_bytes(&in->tensors[k].shape);
    }
    if (at == in->data + in->data_bytes) return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE, "'%s' has %zu bytes after its last tensor", in->path,
                        (size_t)(in->data + in->data_bytes - at));
}

static sluice_status read_tensors(sluice_safetensors *in) {
    SLUICE__TRY(sluice__alloc(&in->tensors, json_object_size(in->header), sizeof *in->tensors));
    const char *name;
    json_t *entry;
    json_object_foreach(in->header, name, entry) {
        if (strcmp(name, "__metadata__") == 0) continue;
        SLUICE__TRY(read_tensor(in, name, entry, &in->tensors[in->count]));
        in->count++;
    }
    if (in->count > 0) qsort(in->tensors, (size_t)in->count, sizeof *in->tensors, compare_places);
    return check_places(in);
}

sluice_status sluice_safetensors_open(sluice_safetensors **out, const char *path) {
    sluice_safetensors *file;
    SLUICE__TRY(sluice__alloc(&file, 1, sizeof *file));
    file->path           = path;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__map(&file->file, path));
    SLUICE__TRY_OUT(parse_header(file));
    SLUICE__TRY_OUT(read_tensors(file));
    file->path = NULL;
    *out       = file;
out:
    if (status != SLUICE_OK) sluice_safetensors_close(file);
    return status;
}

void sluice_safetensors_close(sluice_safetensors *file) {
    if (!file) return;
    json_decref(file->header);
    sluice__unmap(&file->file);
    sluice__free(file->tensors);
    sluice__free(file);
}

int sluice_safetensors_count(const sluice_safetensors *file) {
    return file->count;
}

const sluice_named_tensor *sluice_safetensors_tensor(const sluice_safetensors *file, int index) {
    return &file->tensors[index];
}

const sluice_named_tensor *sluice_safetensors_find(const sluice_safetensors *file,
                                                   const char *name) {
    for (int k = 0; k < file->count; k++)
        if (strcmp(file->tensors[k].name, name) == 0) return &file->tensors[k];
    return NULL;
}

/* ---- writing ---- */

/* NULL without memory, which jansson's functions pass on. */
static json_t *describe_tensor(const sluice_named_tensor *tensor, size_t begin) {
    json_t *dims = json_array();
    bool good    = dims != NULL;
    for (int k = 0; k < tensor->shape.dim_count && good; k++)
        good = json_array_append_new(dims, json_integer(tensor->shape.dims[k])) == 0;
    const size_t end = begin + sluice_shape_bytes(&tensor->shape);
    if (good)
        return json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", dims, "data_offsets",
                         (json_int_t)begin, (json_int_t)end);
    json_decref(dims);
    return NULL;
}

static json_t *describe_all(const sluice_named_tensor *tensors, int count) {
    json_t *header = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
    bool good      = header != NULL;
    size_t at      = 0;
    for (int k = 0; k < count && good; k++) {
        good = json_object_set_new(header, tensors[k].name, describe_tensor(&tensors[k], at)) == 0;
        at += sluice_shape_bytes(&tensors[k].shape);
    }
    if (good) return header;
    json_decref(header);
    return NULL;
}

sluice_status sluice__safetensors_head(char **out, size_t *bytes,
                                       const sluice_named_tensor *tensors, int count,
                                       const char *path) {
    char *text = NULL, what[512];
    (void)snprintf(what, sizeof what, "the header of '%s'", path);
    json_t *header       = describe_all(tensors, count);
    sluice_status status = sluice__json_print(&text, header, JSON_COMPACT, what);
    json_decref(header);
    SLUICE__TRY_OUT(status);
    const size_t length = strlen(text);
    const size_t padded = (length + 7) / 8 * 8;
    SLUICE__TRY_OUT(sluice__alloc(out, LENGTH_BYTES + padded, 1));
    for (int k = 0; k < LENGTH_BYTES; k++) (*out)[k] = (char)(padded >> 8 * k & 255);
    memset(*out + LENGTH_BYTES, ' ', padded);
    memcpy(*out + LENGTH_BYTES, text, length);
    *bytes = LENGTH_BYTES + padded;
out:
    sluice__json_free(text);
    return status;
}

static sluice_status write_all(sluice__writer *writer, const char *header, size_t bytes,
                               const sluice_named_tensor *tensors, int count) {
    SLUICE__TRY(sluice__write(writer, header, bytes));
    for (int k = 0; k < count; k++)
        SLUICE__TRY(
            sluice__write(writer, tensors[k].values, sluice_shape_bytes(&tensors[k].shape)));
    return SLUICE_OK;
}

sluice_status sluice_safetensors_write(const char *path, const sluice_named_tensor *tensors,
                                       int count) {
    size_t bytes = 0;
    char *header = NULL;
    SLUICE__TRY(sluice__safetensors_head(&header, &bytes, tensors, count, path));
    sluice__writer writer;
    sluice_status status = sluice__write_begin(&writer, path);
    if (status == SLUICE_OK)
        status = sluice__write_end(&writer, write_all(&writer, header, bytes, tensors, count));
    sluice__free(header);
    return status;
}
