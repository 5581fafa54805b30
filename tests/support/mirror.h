/* SPDX-License-Identifier: MIT */
/*
 * mirror.h -- operations of a device whose memory the host cannot touch, on host memory: for tests.
 *
 * Every block made here has a twin on the device. A row of mirror_ops() uploads all of them,
 * carries the operation out on the twins, waits, and downloads all of them again.
 */
#ifndef SLUICE_TESTS_MIRROR_H
#define SLUICE_TESTS_MIRROR_H

#include "tests/support/support.h"

#include "sluice/device.h"

enum { MIRRORED = 64 };

typedef struct mirrored {
    unsigned char *here;
    void *there;
    size_t bytes;
} mirrored;

static struct {
    const sluice_device_ops *real;
    sluice_device *device; /* that holds the twins */
    mirrored blocks[MIRRORED];
} mirror;

static void *mirror_block(size_t bytes) {
    mirrored *block = mirror.blocks;
    while (block < mirror.blocks + MIRRORED && block->here) block++;
    assert_true(block < mirror.blocks + MIRRORED);
    block->here  = malloc(bytes > 0 ? bytes : 1);
    block->bytes = bytes;
    assert_non_null(block->here);
    assert_ok(mirror.real->arena_alloc(mirror.device, &block->there, bytes));
    return block->here;
}

static void mirror_release(void *here) {
    for (int b = 0; b < MIRRORED && here; b++) {
        mirrored *const block = &mirror.blocks[b];
        if (block->here != here) continue;
        mirror.real->arena_free(mirror.device, block->there, block->bytes);
        free(here);
        *block = (mirrored){0};
        return;
    }
}

/* The twin of an address in a block, or else just past one, since the next may begin there; what is
 * in none stays. */
static void *mirror_twin(const void *address) {
    const uintptr_t at = (uintptr_t)address;
    for (int i = 0; i < 2 * MIRRORED; i++) {
        const mirrored *const block = &mirror.blocks[i % MIRRORED];
        const uintptr_t begin = (uintptr_t)block->here, past = i < MIRRORED ? 0 : 1;
        if (block->here && at >= begin && at < begin + block->bytes + past)
            return (unsigned char *)block->there + (at - begin);
    }
    void *same;
    memcpy(&same, &address, sizeof same);
    return same;
}

/* The pointers that a struct of arguments begins with, in so many bytes. What comes after them is
 * no address, and might look like one: a number beside padding. */
static void mirror_translate(void *args, size_t bytes) {
    for (size_t at = 0; at + sizeof(void *) <= bytes; at += sizeof(void *)) {
        void *pointer;
        memcpy(&pointer, (char *)args + at, sizeof pointer);
        pointer = mirror_twin(pointer);
        memcpy((char *)args + at, &pointer, sizeof pointer);
    }
}

static void mirror_begin(sluice_stream *stream) {
    for (int b = 0; b < MIRRORED; b++)
        if (mirror.blocks[b].here)
            assert_ok(mirror.real->upload(stream, mirror.blocks[b].there, mirror.blocks[b].here,
                                          mirror.blocks[b].bytes));
}

static sluice_status mirror_end(sluice_stream *stream, sluice_status status) {
    if (status != SLUICE_OK) return status;
    for (int b = 0; b < MIRRORED; b++)
        if (mirror.blocks[b].here)
            assert_ok(mirror.real->download(stream, mirror.blocks[b].here, mirror.blocks[b].there,
                                            mirror.blocks[b].bytes));
    return mirror.real->synchronize(stream);
}

/* A row that takes its arguments in a struct, and the first of them that is no pointer. */
#define MIRROR_ROW(row, number)                                                                    \
    static sluice_status mirror_##row(sluice_stream *stream, const sluice_##row *args) {           \
        sluice_##row moved = *args;                                                                \
        mirror_translate(&moved, offsetof(sluice_##row, number));                                  \
        mirror_begin(stream);                                                                      \
        return mirror_end(stream, mirror.real->row(stream, &moved));                               \
    }
MIRROR_ROW(matmul, rows)
MIRROR_ROW(linear, rows)
MIRROR_ROW(linear_backward_input, rows)
MIRROR_ROW(linear_backward_weight, rows)
MIRROR_ROW(layernorm, rows)
MIRROR_ROW(layernorm_backward, rows)
MIRROR_ROW(attention, samples)
MIRROR_ROW(attention_backward, samples)
MIRROR_ROW(embedding, samples)
MIRROR_ROW(embedding_backward, samples)
MIRROR_ROW(classifier, rows)
MIRROR_ROW(squared_error, count)
MIRROR_ROW(drop, samples)
#undef MIRROR_ROW

static sluice_status mirror_relu(sluice_stream *stream, float *y, const float *x, int64_t count) {
    mirror_begin(stream);
    return mirror_end(stream, mirror.real->relu(stream, mirror_twin(y), mirror_twin(x), count));
}

static sluice_status mirror_relu_backward(sluice_stream *stream, float *dx, const float *dy,
                                          const float *x, int64_t count) {
    mirror_begin(stream);
    return mirror_end(stream, mirror.real->relu_backward(stream, mirror_twin(dx), mirror_twin(dy),
                                                         mirror_twin(x), count));
}

static sluice_status mirror_sum(sluice_stream *stream, float *out, const float *const *inputs,
                                int terms, int64_t count) {
    const float *twins[MIRRORED];
    assert_true(terms <= MIRRORED);
    for (int t = 0; t < terms; t++) twins[t] = mirror_twin(inputs[t]);
    mirror_begin(stream);
    return mirror_end(stream, mirror.real->sum(stream, mirror_twin(out), twins, terms, count));
}

/* Twins of the tensors, which stay until the next call. */
static const sluice_update_tensor *mirror_tensors(const sluice_update_tensor *tensors, int count) {
    static sluice_update_tensor twins[MIRRORED];
    assert_true(count <= MIRRORED);
    for (int t = 0; t < count; t++) {
        twins[t] = tensors[t];
        mirror_translate(&twins[t], offsetof(sluice_update_tensor, count));
    }
    return twins;
}

static sluice_status mirror_sum_squares(sluice_stream *stream, double *partials,
                                        const sluice_update_tensor *tensors, int count) {
    mirror_begin(stream);
    return mirror_end(stream, mirror.real->sum_squares(stream, mirror_twin(partials),
                                                       mirror_tensors(tensors, count), count));
}

static sluice_status mirror_adamw(sluice_stream *stream, const sluice_update_tensor *tensors,
                                  int count, const sluice_update *step) {
    mirror_begin(stream);
    return mirror_end(stream,
                      mirror.real->adamw(stream, mirror_tensors(tensors, count), count, step));
}

static sluice_status mirror_sgd(sluice_stream *stream, const sluice_update_tensor *tensors,
                                int count, const sluice_update *step) {
    mirror_begin(stream);
    return mirror_end(stream,
                      mirror.real->sgd(stream, mirror_tensors(tensors, count), count, step));
}

/* The rows of `real`, those of arithmetic on blocks of mirror_block(). */
static const sluice_device_ops *mirror_ops(const sluice_device_ops *real) {
    static sluice_device_ops table;
    mirror.real                  = real;
    table                        = *real;
    table.matmul                 = mirror_matmul;
    table.linear                 = mirror_linear;
    table.linear_backward_input  = mirror_linear_backward_input;
    table.linear_backward_weight = mirror_linear_backward_weight;
    table.layernorm              = mirror_layernorm;
    table.layernorm_backward     = mirror_layernorm_backward;
    table.attention              = mirror_attention;
    table.attention_backward     = mirror_attention_backward;
    table.embedding              = mirror_embedding;
    table.embedding_backward     = mirror_embedding_backward;
    table.classifier             = mirror_classifier;
    table.squared_error          = mirror_squared_error;
    table.drop                   = mirror_drop;
    table.relu                   = mirror_relu;
    table.relu_backward          = mirror_relu_backward;
    table.sum                    = mirror_sum;
    table.sum_squares            = mirror_sum_squares;
    table.adamw                  = mirror_adamw;
    table.sgd                    = mirror_sgd;
    return &table;
}

#endif
