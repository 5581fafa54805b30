/* SPDX-License-Identifier: MIT */
/* mirror.c -- the blocks and their twins, and the operations, made from the list of them. */
#include "tests/support/mirror.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/support.h"

enum { MIRRORED = 64 };

typedef struct mirrored {
    unsigned char *here;
    void *there;
    size_t bytes;
} mirrored;

static struct {
    const sluice_device_ops *real;
    const sluice_operations *operations; /* of it */
    sluice_device *device;               /* that holds the twins */
    mirrored blocks[MIRRORED];
} mirror;

void *mirror_block(size_t bytes) {
    mirrored *block = mirror.blocks;
    while (block < mirror.blocks + MIRRORED && block->here) block++;
    assert_true(block < mirror.blocks + MIRRORED);
    block->here  = malloc(bytes > 0 ? bytes : 1);
    block->bytes = bytes;
    assert_non_null(block->here);
    assert_ok(mirror.real->arena_alloc(&block->there, mirror.device, bytes));
    return block->here;
}

void mirror_release(void *here) {
    for (int b = 0; b < MIRRORED && here; b++) {
        mirrored *const block = &mirror.blocks[b];
        if (block->here != here) continue;
        mirror.real->arena_free(mirror.device, block->there, block->bytes);
        free(here);
        *block = (mirrored){0};
        return;
    }
}

/* The twin of an address in a block or, failing that, just past one (where another may begin);
 * NULL: in none. */
static void *mirror_twin(const void *address) {
    const uintptr_t at = (uintptr_t)address;
    for (int i = 0; i < 2 * MIRRORED; i++) {
        const mirrored *const block = &mirror.blocks[i % MIRRORED];
        const uintptr_t begin = (uintptr_t)block->here, past = i < MIRRORED ? 0 : 1;
        if (block->here && at >= begin && at < begin + block->bytes + past)
            return (unsigned char *)block->there + (at - begin);
    }
    return NULL;
}

/* Translate the pointers at the start of a struct, up to the first that is neither NULL nor in a
 * block: what follows is no address, though a number next to padding may look like one. */
static void mirror_translate(void *args, size_t bytes) {
    for (size_t at = 0; at + sizeof(void *) <= bytes; at += sizeof(void *)) {
        void *pointer;
        memcpy(&pointer, (char *)args + at, sizeof pointer);
        void *const twin = mirror_twin(pointer);
        if (pointer && !twin) return;
        if (twin) memcpy((char *)args + at, &twin, sizeof twin);
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

/* ---- pointers in host arrays that an operation's struct refers to ---- */

typedef struct mirror_arrays {
    const float *inputs[MIRRORED];
    sluice_update_tensor tensors[MIRRORED];
} mirror_arrays;

static const float *const *mirror_inputs(mirror_arrays *arrays, const float *const *inputs,
                                         int terms) {
    assert_true(terms <= MIRRORED);
    for (int t = 0; t < terms; t++) arrays->inputs[t] = mirror_twin(inputs[t]);
    return arrays->inputs;
}

static const sluice_update_tensor *mirror_tensors(mirror_arrays *arrays,
                                                  const sluice_update_tensor *tensors, int count) {
    assert_true(count <= MIRRORED);
    for (int t = 0; t < count; t++) {
        arrays->tensors[t] = tensors[t];
        mirror_translate(&arrays->tensors[t], offsetof(sluice_update_tensor, count));
    }
    return arrays->tensors;
}

/* Translate the arrays of `args`, whose own pointers have been translated. */
#define mirror_translate_arrays(arrays, args)                                                      \
    _Generic(args, sluice_sum *                                                                    \
             : mirror_sum_arrays, sluice_sum_squares *                                             \
             : mirror_squares_arrays, sluice_adamw *                                               \
             : mirror_adamw_arrays, sluice_sgd *                                                   \
             : mirror_sgd_arrays, default                                                          \
             : mirror_no_arrays)(arrays, args)

static void mirror_no_arrays(mirror_arrays *arrays, void *args) {
    (void)arrays, (void)args;
}

static void mirror_sum_arrays(mirror_arrays *arrays, sluice_sum *args) {
    args->inputs = mirror_inputs(arrays, args->inputs, args->terms);
}

static void mirror_squares_arrays(mirror_arrays *arrays, sluice_sum_squares *args) {
    args->tensors = mirror_tensors(arrays, args->tensors, args->count);
}

static void mirror_adamw_arrays(mirror_arrays *arrays, sluice_adamw *args) {
    args->tensors = mirror_tensors(arrays, args->tensors, args->count);
}

static void mirror_sgd_arrays(mirror_arrays *arrays, sluice_sgd *args) {
    args->tensors = mirror_tensors(arrays, args->tensors, args->count);
}

/* ---- operations ---- */

#define X(row, args)                                                                               \
    static sluice_status mirror_##row(sluice_stream *stream, const args *arguments) {              \
        static mirror_arrays arrays; /* outlives the stream's work */                              \
        args moved = *arguments;                                                                   \
        mirror_translate(&moved, sizeof moved);                                                    \
        mirror_translate_arrays(&arrays, &moved);                                                  \
        mirror_begin(stream);                                                                      \
        return mirror_end(stream, mirror.operations->row(stream, &moved));                         \
    }
SLUICE_OPERATION_MAP(X)
#undef X

/* The real operations of the precision that was asked for last. */
static const sluice_operations *mirror_operations(sluice_precision precision) {
    static sluice_operations table;
    mirror.operations = mirror.real->operations(precision);
    if (!mirror.operations) return NULL;
    table = *mirror.operations;
#define X(row, args) table.row = mirror_##row;
    SLUICE_OPERATION_MAP(X)
#undef X
    return &table;
}

const sluice_device_ops *mirror_ops(const sluice_device_ops *real) {
    static sluice_device_ops table;
    mirror.real      = real;
    table            = *real;
    table.operations = mirror_operations;
    return &table;
}

void mirror_on(sluice_device *device) {
    mirror.device = device;
}
