/* SPDX-License-Identifier: MIT */
/* weights.c -- tensors of files into the pipeline: exactly the model's, one at a time. */
#include "sluice/weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/executor/executor.h"

enum { PART = 4096 /* elements that are compared at once */, SHAPE_TEXT = 128 };

typedef struct weights {
    const sluice_safetensors *file;
    const sluice_family *family;
    const sluice_model *model;
} weights;

/* ---- names ---- */

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* The other name that a file may use for a parameter: without the family's prefix. */
static const char *short_name(const sluice_family *family, const char *name) {
    const size_t length = strlen(family->prefix);
    return strncmp(name, family->prefix, length) == 0 ? name + length : name;
}

static const sluice_stored_tensor *find_tensor(const weights *in, const char *name) {
    const sluice_stored_tensor *const tensor = sluice_safetensors_find(in->file, name);
    return tensor ? tensor : sluice_safetensors_find(in->file, short_name(in->family, name));
}

static bool is_called(const weights *in, const char *name, const char *known) {
    return strcmp(name, known) == 0 || strcmp(name, short_name(in->family, known)) == 0;
}

static bool is_known(const weights *in, const char *name) {
    for (int u = 0; u < sluice_model_use_count(in->model); u++) {
        const sluice_parameter_use *const use = sluice_model_use(in->model, u);
        for (int k = 0; k < sluice_parameter_tensor_count(use); k++)
            if (is_called(in, name, sluice_parameter_tensor_at(use, k).name)) return true;
    }
    return false;
}

/* Tensors that some files have and no model needs. */
static bool is_ignored(const weights *in, const char *name) {
    for (const char *const *end = in->family->ignored; *end; end++)
        if (ends_with(name, *end)) return true;
    return false;
}

/* ---- checks: before the first value is loaded ---- */

static void print_shape(char out[SHAPE_TEXT], const sluice_shape *shape) {
    size_t length = (size_t)snprintf(out, SHAPE_TEXT, "(");
    for (int d = 0; d < shape->dim_count; d++)
        length += (size_t)snprintf(out + length, SHAPE_TEXT - length, "%s%lld", d ? ", " : "",
                                   (long long)shape->dims[d]);
    (void)snprintf(out + length, SHAPE_TEXT - length, ")");
}

static bool shapes_equal(const sluice_shape *a, const sluice_shape *b) {
    return a->dim_count == b->dim_count &&
           memcmp(a->dims, b->dims, (size_t)a->dim_count * sizeof a->dims[0]) == 0;
}

/* Both names of one parameter: which of the two is meant is not said. */
static sluice_status check_single(const weights *in, const char *name) {
    const char *const other = short_name(in->family, name);
    if (other == name || !sluice_safetensors_find(in->file, name) ||
        !sluice_safetensors_find(in->file, other))
        return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "%s has both '%s' and '%s', which are one parameter of the model",
                        sluice_safetensors_path(in->file), name, other);
}

static sluice_status check_wanted(const weights *in, const sluice_parameter_tensor *wanted) {
    const sluice_stored_tensor *const tensor = find_tensor(in, wanted->name);
    if (!tensor)
        return sluice__fail(SLUICE_E_ARGUMENT, "%s has no tensor '%s'",
                            sluice_safetensors_path(in->file), wanted->name);
    SLUICE__TRY(check_single(in, wanted->name));
    if (shapes_equal(&tensor->shape, &wanted->shape))
        return sluice_safetensors_read(NULL, tensor, 0, 0); /* its type */
    char there[SHAPE_TEXT], own[SHAPE_TEXT];
    print_shape(there, &tensor->shape);
    print_shape(own, &wanted->shape);
    return sluice__fail(SLUICE_E_ARGUMENT, "'%s' in %s has shape %s and the model's has %s",
                        wanted->name, tensor->file, there, own);
}

static sluice_status check_use(const weights *in, const sluice_parameter_use *use) {
    for (int k = 0; k < sluice_parameter_tensor_count(use); k++) {
        const sluice_parameter_tensor wanted = sluice_parameter_tensor_at(use, k);
        SLUICE__TRY(check_wanted(in, &wanted));
    }
    return SLUICE_OK;
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The same bits as fp32. */
static sluice_status check_equal(const sluice_stored_tensor *a, const sluice_stored_tensor *b) {
    const int64_t count = sluice_shape_count(&a->shape);
    float left[PART], right[PART];
    if (!shapes_equal(&a->shape, &b->shape))
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "'%s' and '%s' in %s have different shapes, and the "
                            "model uses one for both",
                            a->name, b->name, a->file);
    for (int64_t at = 0; at < count; at += PART) {
        const int64_t now = count - at < PART ? count - at : PART;
        SLUICE__TRY(sluice_safetensors_read(left, a, at, now));
        SLUICE__TRY(sluice_safetensors_read(right, b, at, now));
        for (int64_t k = 0; k < now; k++) {
            const int64_t element = at + k;
            if (bits_of(left[k]) != bits_of(right[k]))
                return sluice__fail(SLUICE_E_ARGUMENT,
                                    "'%s' in %s differs from '%s' from element %lld on, and the "
                                    "model uses one for both",
                                    a->name, a->file, b->name, (long long)element);
        }
    }
    return SLUICE_OK;
}

/* A tensor that the model does not have by this name: the head of a tied model, at best. */
static sluice_status check_other(const weights *in, const sluice_stored_tensor *tensor) {
    const sluice_stored_tensor *const table = find_tensor(in, in->family->embedding);
    if (table && strcmp(tensor->name, in->family->head) == 0) return check_equal(tensor, table);
    return sluice__fail(SLUICE_E_ARGUMENT, "%s has a tensor '%.200s' that the model does not have",
                        tensor->file, tensor->name);
}

static sluice_status check_all(const weights *in) {
    for (int u = 0; u < sluice_model_use_count(in->model); u++)
        SLUICE__TRY(check_use(in, sluice_model_use(in->model, u)));
    for (int t = 0; t < sluice_safetensors_count(in->file); t++) {
        const sluice_stored_tensor *const tensor = sluice_safetensors_tensor(in->file, t);
        if (is_known(in, tensor->name) || is_ignored(in, tensor->name)) continue;
        SLUICE__TRY(check_other(in, tensor));
    }
    return SLUICE_OK;
}

/* ---- values ---- */

static sluice_status check_finite(const float *values, int64_t count, int64_t first,
                                  const sluice_stored_tensor *tensor) {
    int64_t at = 0;
    while (at < count && isfinite(values[at])) at++;
    if (at == count) return SLUICE_OK;
    const int64_t element = first + at;
    const sluice_status status =
        sluice__fail(SLUICE_E_NONFINITE, "'%.200s' in %s has %s at element %lld of %lld",
                     tensor->name, tensor->file, isnan(values[at]) ? "a NaN" : "an infinity",
                     (long long)element, (long long)sluice_shape_count(&tensor->shape));
    return sluice__hint(status, "the file is damaged, or what was saved had diverged: use an "
                                "earlier one");
}

static sluice_status read_values(void *values, size_t bytes, const void *tensor, size_t at) {
    const int64_t count = (int64_t)(bytes / sizeof(float)), first = (int64_t)(at / sizeof(float));
    SLUICE__TRY(sluice_safetensors_read(values, tensor, first, count));
    return check_finite(values, count, first, tensor);
}

static sluice_status load_all(sluice_pipeline *pipeline, const weights *in) {
    for (int k = 0; k < sluice_pipeline_state_count(pipeline); k++) {
        const sluice_state state = sluice_pipeline_state_at(pipeline, k);
        if (state.kind == SLUICE_STATE_PARAMETER)
            SLUICE__TRY(sluice__state_fill(pipeline, k, read_values, find_tensor(in, state.name)));
    }
    return SLUICE_OK;
}

sluice_status sluice_pipeline_load_weights(sluice_pipeline *pipeline, const sluice_model *model,
                                           const sluice_family *family,
                                           const sluice_safetensors *file) {
    const weights in = {file, family, model};
    SLUICE__TRY(check_all(&in));
    return load_all(pipeline, &in);
}
