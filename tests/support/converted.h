/* SPDX-License-Identifier: MIT */
/*
 * converted.h -- operations on tensors of one type, made of those on another: the `void *` tensors
 * of a call are converted, and what it writes is converted back.
 */
#ifndef SLUICE_TESTS_CONVERTED_H
#define SLUICE_TESTS_CONVERTED_H

#include <stdbool.h>
#include <stddef.h>

#include "sluice/operations.h"

/* Where the arrays of a converted call come from; NULL: no memory. By default malloc() and free().
 */
typedef void *converted_take(size_t bytes);
typedef void converted_give(void *block); /* NULL is allowed */
void tensors_come_from(converted_take *take, converted_give *give);

/* A `void *` field of an argument struct; it is const in the struct if it is only read. */
typedef struct converted_tensor {
    void *field; /* address of the pointer */
    int64_t count;
    bool is_written;
    void *given, *converted;
} converted_tensor;

/* Point each field at elements of type `to` with the values of its tensor, whose type is `from`,
 * outputs included: elements that the operation does not write keep their values. Returns a block
 * for tensors_release(); NULL: no memory, which is the last error. */
void *tensors_convert(converted_tensor *list, int count, sluice_type to, sluice_type from);
/* Convert what is written back. */
void tensors_convert_back(const converted_tensor *list, int count, sluice_type to,
                          sluice_type from);
void tensors_release(void *block);

#define CONVERTED_WRITES(pointer) _Generic(&(pointer), void ** : true, const void ** : false)
#define TENSOR(name, rows, columns)                                                                \
    { &copy.name, (rows) * (columns), CONVERTED_WRITES(copy.name), NULL, NULL }
#define QKV   (copy.samples * copy.length * (copy.heads + 2 * copy.kv_heads) * copy.head_width)
#define OUT   (copy.samples * copy.length * copy.heads * copy.head_width)
#define CACHE (copy.capacity * copy.kv_heads * copy.head_width)
#define HEADS (copy.rows * (copy.heads + 2 * copy.kv_heads) * copy.head_width)

/* Operations and their `void *` tensors, which are fields of `copy`, a copy of the arguments. An
 * embedding has at least the first `length` positions. */
/* clang-format off */
#define CONVERTED_OPERATIONS(ROW) \
    ROW(matmul, sluice_matmul, TENSOR(c, copy.rows, copy.columns), TENSOR(a, copy.rows, copy.inner), \
        TENSOR(b, copy.inner, copy.columns)) \
    ROW(linear, sluice_linear, TENSOR(y, copy.rows, copy.outputs), \
        TENSOR(activated, copy.rows, copy.outputs), TENSOR(x, copy.rows, copy.inputs), \
        TENSOR(w, copy.inputs, copy.outputs), TENSOR(b, 1, copy.outputs), \
        TENSOR(residual, copy.rows, copy.outputs)) \
    ROW(linear_backward_input, sluice_linear_backward_input, TENSOR(dx, copy.rows, copy.inputs), \
        TENSOR(dy, copy.rows, copy.outputs), TENSOR(w, copy.inputs, copy.outputs), \
        TENSOR(before_activation, copy.rows, copy.inputs)) \
    ROW(linear_backward_weight, sluice_linear_backward_weight, TENSOR(x, copy.rows, copy.inputs), \
        TENSOR(dy, copy.rows, copy.outputs)) \
    ROW(norm, sluice_norm, TENSOR(y, copy.rows, copy.width), TENSOR(x, copy.rows, copy.width), \
        TENSOR(gain, 1, copy.width), TENSOR(bias, 1, copy.width)) \
    ROW(norm_backward, sluice_norm_backward, TENSOR(dx, copy.rows, copy.width), \
        TENSOR(dy, copy.rows, copy.width), TENSOR(residual, copy.rows, copy.width), \
        TENSOR(x, copy.rows, copy.width), TENSOR(gain, 1, copy.width)) \
    ROW(attention, sluice_attention, TENSOR(out, 1, OUT), TENSOR(qkv, 1, QKV)) \
    ROW(attention_cached, sluice_attention_cached, TENSOR(out, copy.rows, copy.heads *copy.head_width), \
        TENSOR(keys, 1, CACHE), TENSOR(values, 1, CACHE), \
        TENSOR(qkv, copy.rows, (copy.heads + 2 * copy.kv_heads) * copy.head_width)) \
    ROW(attention_backward, sluice_attention_backward, TENSOR(dqkv, 1, QKV), TENSOR(dout, 1, OUT), \
        TENSOR(out, 1, OUT), TENSOR(qkv, 1, QKV)) \
    ROW(rotary, sluice_rotary, TENSOR(qkv, 1, QKV)) \
    ROW(head_norm, sluice_head_norm, TENSOR(y, 1, HEADS), TENSOR(qkv, 1, HEADS), \
        TENSOR(q_gain, 1, copy.head_width), TENSOR(k_gain, 1, copy.head_width)) \
    ROW(head_norm_backward, sluice_head_norm_backward, TENSOR(dqkv, 1, HEADS), TENSOR(qkv, 1, HEADS), \
        TENSOR(q_gain, 1, copy.head_width), TENSOR(k_gain, 1, copy.head_width)) \
    ROW(embedding, sluice_embedding, TENSOR(y, (copy.samples * copy.length), copy.width), \
        TENSOR(table, copy.vocabulary, copy.width), TENSOR(positions, copy.length, copy.width)) \
    ROW(embedding_backward, sluice_embedding_backward, \
        TENSOR(dy, (copy.samples * copy.length), copy.width)) \
    ROW(classifier, sluice_classifier, TENSOR(dx, copy.rows, copy.width), \
        TENSOR(x, copy.rows, copy.width), TENSOR(w, copy.classes, copy.width)) \
    ROW(squared_error, sluice_squared_error, TENSOR(dx, 1, copy.count), TENSOR(x, 1, copy.count)) \
    ROW(drop, sluice_drop, TENSOR(y, copy.samples, copy.elements), \
        TENSOR(x, copy.samples, copy.elements), TENSOR(residual, copy.samples, copy.elements)) \
    ROW(relu, sluice_relu, TENSOR(y, 1, copy.count), TENSOR(x, 1, copy.count)) \
    ROW(relu_backward, sluice_relu_backward, TENSOR(dx, 1, copy.count), TENSOR(dy, 1, copy.count), \
        TENSOR(x, 1, copy.count)) \
    ROW(swiglu, sluice_swiglu, TENSOR(y, copy.rows, copy.hidden), TENSOR(x, copy.rows, 2 * copy.hidden)) \
    ROW(swiglu_backward, sluice_swiglu_backward, TENSOR(dx, copy.rows, 2 * copy.hidden), \
        TENSOR(dy, copy.rows, copy.hidden), TENSOR(x, copy.rows, 2 * copy.hidden))
/* clang-format on */

/* The operation `prefix`_row on tensors of type `from`, by that of the table `real` on tensors of
 * type `to`. */
#define CONVERTED_OPERATION(prefix, real, to, from, row, args, ...)                                \
    static sluice_status prefix##_##row(sluice_stream *stream, const args *arguments) {            \
        args copy               = *arguments;                                                      \
        converted_tensor list[] = {__VA_ARGS__};                                                   \
        const int count         = (int)(sizeof list / sizeof *list);                               \
        void *const block       = tensors_convert(list, count, to, from);                          \
        if (!block) return SLUICE_E_HOST_MEMORY;                                                   \
        const sluice_status status = (real)->row(stream, &copy);                                   \
        tensors_convert_back(list, count, from, to);                                               \
        tensors_release(block);                                                                    \
        return status;                                                                             \
    }

#endif
