/* SPDX-License-Identifier: MIT */
/* safetensors.c -- writing files of named tensors. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/json.h"
#include "runtime/io/safetensors_head.h"
#include "runtime/io/write.h"
#include "sluice/file.h"

enum { LENGTH_BYTES = 8 };

static const char *type_code(sluice_type type) {
    return type == SLUICE_TYPE_BF16 ? "BF16" : "F32";
}

/* NULL without memory, which jansson's functions pass on. */
static json_t *describe_tensor(const sluice_named_tensor *tensor, size_t begin) {
    json_t *dims = json_array();
    bool good    = dims != NULL;
    for (int k = 0; k < tensor->shape.dim_count && good; k++)
        good = json_array_append_new(dims, json_integer(tensor->shape.dims[k])) == 0;
    const size_t end = begin + sluice_shape_bytes(&tensor->shape);
    if (good)
        return json_pack("{s:s, s:o, s:[I, I]}", "dtype", type_code(tensor->shape.type), "shape",
                         dims, "data_offsets", (json_int_t)begin, (json_int_t)end);
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
