/* SPDX-License-Identifier: MIT */
/* bf16_device.c -- bf16 operations made of the cpu's fp32 ones: widen, run, narrow. */
#include "tests/support/bf16_device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/convert.h"
#include "runtime/base/error.h"

static bf16_fault fault;

void bf16_device_inject(bf16_fault what) {
    fault = what;
}

static const sluice_operations *fp32(void) {
    return sluice_devices()[0]->operations(SLUICE_PRECISION_FP32);
}

/* In double, where infinity is replaced by the number that would follow the largest one. */
static double number_of(uint16_t half) {
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return isinf(value) ? copysign(ldexp(1, 128), (double)value) : (double)value;
}

uint16_t bf16_nearest(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t inner = (uint16_t)(bits >> 16); /* toward zero */
    if (!isfinite(value)) return inner;
    const uint16_t outer = (uint16_t)(inner + 1);
    const double below   = fabs((double)value - number_of(inner));
    const double above   = fabs((double)value - number_of(outer));
    if (below == above) return inner % 2 == 0 ? inner : outer;
    return below < above ? inner : outer;
}

/* ---- the bf16 tensors of one call ---- */

/* A `void *` field of an argument struct; it is const in the struct if it is only read. */
typedef struct tensor {
    void *field; /* address of the pointer */
    int64_t count;
    bool is_written;
    void *bf16;
    float *wide; /* its values */
} tensor;

#define WRITES(pointer) _Generic(&(pointer), void ** : true, const void ** : false)
#define TENSOR(name, rows, columns)                                                                \
    { &wide.name, (rows) * (columns), WRITES(wide.name), NULL, NULL }

/* One block for all of them as floats. */
static float *make_block(const tensor *list, int count) {
    size_t elements = 1;
    for (int k = 0; k < count; k++) elements += (size_t)list[k].count;
    float *const block = malloc(elements * sizeof *block);
    if (!block) (void)sluice__fail(SLUICE_E_HOST_MEMORY, "no memory for a test's tensors");
    return block;
}

/* The same tensor given twice (y == residual) gets one array; else the next of the block. */
static float *find_wide(const tensor *list, const tensor *of, float **next) {
    for (const tensor *t = list; t < of; t++)
        if (t->bf16 == of->bf16) return t->wide;
    float *const wide = *next;
    *next += of->count;
    sluice__convert(wide, SLUICE_TYPE_F32, of->bf16, SLUICE_TYPE_BF16, of->count);
    return wide;
}

/* Point each field at floats with the values of its tensor, outputs included: elements that the
 * operation does not write keep their values. */
static void widen(tensor *list, int count, float *block) {
    for (tensor *t = list; t < list + count; t++) {
        memcpy(&t->bf16, t->field, sizeof t->bf16);
        if (!t->bf16) continue;
        t->wide = find_wide(list, t, &block);
        memcpy(t->field, &t->wide, sizeof t->wide);
    }
}

static void narrow(const tensor *list, int count) {
    for (const tensor *t = list; t < list + count; t++)
        if (t->bf16 && t->is_written)
            sluice__convert(t->bf16, SLUICE_TYPE_BF16, t->wide, SLUICE_TYPE_F32, t->count);
}

/* An operation whose bf16 tensors are the fields listed after it; `wide` is a copy of the
 * arguments. */
#define ROW(row, args, ...)                                                                        \
    static sluice_status bf16_##row(sluice_stream *stream, const args *arguments) {                \
        args wide          = *arguments;                                                           \
        tensor list[]      = {__VA_ARGS__};                                                        \
        const int count    = (int)(sizeof list / sizeof *list);                                    \
        float *const block = make_block(list, count);                                              \
        if (!block) return SLUICE_E_HOST_MEMORY;                                                   \
        widen(list, count, block);                                                                 \
        const sluice_status status = fp32()->row(stream, &wide);                                   \
        narrow(list, count);                                                                       \
        free(block);                                                                               \
        return status;                                                                             \
    }

/* ---- the rows ---- */

ROW(matmul, sluice_matmul, TENSOR(c, wide.rows, wide.columns), TENSOR(a, wide.rows, wide.inner),
    TENSOR(b, wide.inner, wide.columns))

ROW(linear, sluice_linear, TENSOR(y, wide.rows, wide.outputs),
    TENSOR(activated, wide.rows, wide.outputs), TENSOR(x, wide.rows, wide.inputs),
    TENSOR(w, wide.inputs, wide.outputs), TENSOR(b, 1, wide.outputs),
    TENSOR(residual, wide.rows, wide.outputs))

ROW(linear_backward_input, sluice_linear_backward_input, TENSOR(dx, wide.rows, wide.inputs),
    TENSOR(dy, wide.rows, wide.outputs), TENSOR(w, wide.inputs, wide.outputs),
    TENSOR(before_activation, wide.rows, wide.inputs))

ROW(linear_backward_weight, sluice_linear_backward_weight, TENSOR(x, wide.rows, wide.inputs),
    TENSOR(dy, wide.rows, wide.outputs))

ROW(norm, sluice_norm, TENSOR(y, wide.rows, wide.width), TENSOR(x, wide.rows, wide.width),
    TENSOR(gain, 1, wide.width), TENSOR(bias, 1, wide.width))

ROW(norm_backward, sluice_norm_backward, TENSOR(dx, wide.rows, wide.width),
    TENSOR(dy, wide.rows, wide.width), TENSOR(residual, wide.rows, wide.width),
    TENSOR(x, wide.rows, wide.width), TENSOR(gain, 1, wide.width))

#define QKV (wide.samples * wide.length * (wide.heads + 2 * wide.kv_heads) * wide.head_width)
#define OUT (wide.samples * wide.length * wide.heads * wide.head_width)

ROW(attention, sluice_attention, TENSOR(out, 1, OUT), TENSOR(qkv, 1, QKV))

#define CACHE (wide.capacity * wide.kv_heads * wide.head_width)
ROW(attention_cached, sluice_attention_cached, TENSOR(out, wide.rows, wide.heads *wide.head_width),
    TENSOR(keys, 1, CACHE), TENSOR(values, 1, CACHE),
    TENSOR(qkv, wide.rows, (wide.heads + 2 * wide.kv_heads) * wide.head_width))

ROW(attention_backward, sluice_attention_backward, TENSOR(dqkv, 1, QKV), TENSOR(dout, 1, OUT),
    TENSOR(out, 1, OUT), TENSOR(qkv, 1, QKV))

ROW(rotary, sluice_rotary, TENSOR(qkv, 1, QKV))

#define HEADS (wide.rows * (wide.heads + 2 * wide.kv_heads) * wide.head_width)

ROW(head_norm, sluice_head_norm, TENSOR(y, 1, HEADS), TENSOR(qkv, 1, HEADS),
    TENSOR(q_gain, 1, wide.head_width), TENSOR(k_gain, 1, wide.head_width))

ROW(head_norm_backward, sluice_head_norm_backward, TENSOR(dqkv, 1, HEADS), TENSOR(qkv, 1, HEADS),
    TENSOR(q_gain, 1, wide.head_width), TENSOR(k_gain, 1, wide.head_width))

/* Only the first `length` positions are sure to exist. */
ROW(embedding, sluice_embedding, TENSOR(y, (wide.samples * wide.length), wide.width),
    TENSOR(table, wide.vocabulary, wide.width), TENSOR(positions, wide.length, wide.width))

ROW(embedding_backward, sluice_embedding_backward,
    TENSOR(dy, (wide.samples * wide.length), wide.width))

ROW(classifier, sluice_classifier, TENSOR(dx, wide.rows, wide.width),
    TENSOR(x, wide.rows, wide.width), TENSOR(w, wide.classes, wide.width))

ROW(squared_error, sluice_squared_error, TENSOR(dx, 1, wide.count), TENSOR(x, 1, wide.count))

ROW(drop, sluice_drop, TENSOR(y, wide.samples, wide.elements),
    TENSOR(x, wide.samples, wide.elements), TENSOR(residual, wide.samples, wide.elements))

ROW(relu, sluice_relu, TENSOR(y, 1, wide.count), TENSOR(x, 1, wide.count))

ROW(relu_backward, sluice_relu_backward, TENSOR(dx, 1, wide.count), TENSOR(dy, 1, wide.count),
    TENSOR(x, 1, wide.count))

ROW(swiglu, sluice_swiglu, TENSOR(y, wide.rows, wide.hidden), TENSOR(x, wide.rows, 2 * wide.hidden))

ROW(swiglu_backward, sluice_swiglu_backward, TENSOR(dx, wide.rows, 2 * wide.hidden),
    TENSOR(dy, wide.rows, wide.hidden), TENSOR(x, wide.rows, 2 * wide.hidden))

/* Gradients are fp32 in both precisions. */
static sluice_status bf16_sum(sluice_stream *stream, const sluice_sum *arguments) {
    return fp32()->sum(stream, arguments);
}

static sluice_status bf16_sum_squares(sluice_stream *stream, const sluice_sum_squares *arguments) {
    return fp32()->sum_squares(stream, arguments);
}

/* ---- masters and working copies ---- */

static void truncate_to(uint16_t *to, const float *from, int64_t count) {
    for (int64_t k = 0; k < count; k++) {
        uint32_t bits;
        memcpy(&bits, &from[k], sizeof bits);
        to[k] = (uint16_t)(bits >> 16);
    }
}

static sluice_status bf16_store_working(sluice_stream *stream, const sluice_store_working *args) {
    (void)stream;
    if (fault == BF16_STORE_TRUNCATES)
        truncate_to(args->working, args->master, args->count);
    else
        sluice__convert(args->working, SLUICE_TYPE_BF16, args->master, SLUICE_TYPE_F32,
                        args->count);
    return SLUICE_OK;
}

/* The tensors without their working copies, which the fp32 update would treat as floats. */
static sluice_update_tensor *masters_of(const sluice_update_tensor *tensors, int count) {
    sluice_update_tensor *const list = calloc((size_t)(unsigned)count + 1, sizeof *list);
    if (!list) return NULL;
    for (int t = 0; t < count; t++) {
        list[t]         = tensors[t];
        list[t].working = NULL;
    }
    return list;
}

static sluice_status store_all(sluice_stream *stream, const sluice_update_tensor *tensors,
                               int count) {
    for (int t = 0; t < count && fault != BF16_UPDATE_FORGETS; t++) {
        if (!tensors[t].working)
            return sluice__fail(SLUICE_E_ARGUMENT, "tensor %d of an update has no working copy", t);
        SLUICE__TRY(bf16_store_working(
            stream,
            &(sluice_store_working){tensors[t].working, tensors[t].master, tensors[t].count}));
    }
    return SLUICE_OK;
}

#define UPDATE(row, args)                                                                          \
    static sluice_status bf16_##row(sluice_stream *stream, const args *arguments) {                \
        args wide                        = *arguments;                                             \
        sluice_update_tensor *const list = masters_of(arguments->tensors, arguments->count);       \
        if (!list) return sluice__fail(SLUICE_E_HOST_MEMORY, "no memory for a test's update");     \
        wide.tensors               = list;                                                         \
        const sluice_status status = fp32()->row(stream, &wide);                                   \
        free(list);                                                                                \
        SLUICE__TRY(status);                                                                       \
        return store_all(stream, arguments->tensors, arguments->count);                            \
    }

UPDATE(adamw, sluice_adamw)
UPDATE(sgd, sluice_sgd)

/* ---- the tables ---- */

static size_t working_bytes(const sluice_shape *parameter) {
    return (size_t)sluice_shape_count(parameter) * sluice_type_bytes(SLUICE_TYPE_BF16);
}

static const sluice_operations bf16 = {.size          = sizeof bf16,
                                       .precision     = SLUICE_PRECISION_BF16,
                                       .type          = SLUICE_TYPE_BF16,
                                       .working_bytes = working_bytes,
#define X(row, args) .row = bf16_##row,
                                       SLUICE_OPERATION_MAP(X)
#undef X
};

static const sluice_operations *operations(sluice_precision precision) {
    return precision == SLUICE_PRECISION_BF16 ? &bf16 : sluice_devices()[0]->operations(precision);
}

const sluice_device_ops *bf16_device(void) {
    static sluice_device_ops table;
    table            = *sluice_devices()[0];
    table.name       = "bf16-test";
    table.operations = operations;
    return &table;
}
