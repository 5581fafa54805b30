/* SPDX-License-Identifier: MIT */
/* cpu.h -- what the files of the cpu device share. */
#ifndef SLUICE_DEVICE_CPU_CPU_H
#define SLUICE_DEVICE_CPU_CPU_H

#include "runtime/device/blocks.h"
#include "runtime/device/cpu/blas.h"
#include "runtime/device/cpu/team.h"
#include "runtime/device/plain.h"
#include "sluice/device.h"

extern const sluice_device_ops sluice__cpu_ops;

enum {
    SLUICE__ATTENTION_QUERIES = 64, /* of one product */
    SLUICE__ATTENTION_KEYS    = 256,
    SLUICE__ATTENTION_SPACE   = 2 * (SLUICE__ATTENTION_KEYS + SLUICE__ATTENTION_QUERIES) *
                              SLUICE__ATTENTION_QUERIES, /* floats */
    SLUICE__PARTIALS = 64 /* most partial sums of a reduction to one number */
};

struct sluice_device {
    sluice__team *team;
    int threads;       /* of the team */
    void *block;       /* what the workspaces are in */
    float *workspaces; /* of the threads, each aligned to a cache line */
    float *turned;     /* SLUICE__TURNED floats, likewise: turn.c's */
    double partials[SLUICE__PARTIALS];
    bool small_pages; /* an arena has no huge pages */
    char degradations[256];
};

/* What a thread works in: for its products; what attention keeps of a pair of blocks; results that
 * become bf16 when they are complete. */
enum {
    SLUICE__RESULTS   = 64 << 10, /* floats: the largest tile, or rows */
    SLUICE__WORKSPACE = SLUICE__PRODUCT_SPACE + SLUICE__ATTENTION_SPACE + SLUICE__RESULTS
};
static inline float *sluice__product_space(const sluice_device *device, int thread) {
    return device->workspaces + (ptrdiff_t)thread * SLUICE__WORKSPACE;
}
static inline float *sluice__attention_space(const sluice_device *device, int thread) {
    return sluice__product_space(device, thread) + SLUICE__PRODUCT_SPACE;
}
static inline float *sluice__results(const sluice_device *device, int thread) {
    return sluice__attention_space(device, thread) + SLUICE__ATTENTION_SPACE;
}

/* What is turned at a time: few enough that a cache of several MiB holds it. */
enum { SLUICE__TURNED = 1 << 20 };

/* Blocks of a reduction to one number: at most SLUICE__PARTIALS. */
static inline int64_t sluice__reduction_block(int64_t count) {
    const int64_t min = 16384, needed = sluice__blocks(count, SLUICE__PARTIALS);
    return needed > min ? needed : min;
}

/* Rows that one task of a row-wise operation takes: enough work to be worth scheduling. */
static inline int64_t sluice__row_block(int64_t width) {
    const int64_t rows = 8192 / (width > 0 ? width : 1);
    return rows < 1 ? 1 : sluice__min(rows, 64);
}

/* out (+)= the sum over blocks of partials (blocks, columns), in order of blocks. */
void sluice__add_partials(sluice_device *device, float *out, const float *partials, int64_t blocks,
                          int64_t columns, bool first_write);
enum { SLUICE__DRAWN = 64 }; /* factors of dropout that are drawn together */
/* factors[0 .. SLUICE__DRAWN - 1]: 0 or 1 / (1 - rate) of the elements from `element`, a multiple
 * of 4, on, of sample `sample` of the micro-batch. */
void sluice__draw_factors(float *factors, const sluice_dropout *dropout, int64_t sample,
                          int64_t element);
/* Multiply `count` floats on the calling thread. */
void sluice__scale(float *x, float by, int64_t count);
/* Set `count` floats to zero, shared among the team. */
void sluice__fill_zero(sluice_device *device, float *to, int64_t count);

/* The operations of a precision; NULL: not computed in. */
const sluice_operations *sluice__cpu_operations(sluice_precision precision);

/* One function per operation and type of its `void *` tensors. */
#define X(name, args)                                                                              \
    sluice_status sluice__cpu_##name(sluice_stream *stream, const args *arguments);                \
    sluice_status sluice__cpu_bf16_##name(sluice_stream *stream, const args *arguments);
SLUICE_OPERATION_MAP(X)
#undef X

/* Both, of an operation whose function takes the type: name_of(stream, arguments, type). */
#define SLUICE__BOTH_TYPES(name)                                                                   \
    sluice_status sluice__cpu_##name(sluice_stream *stream, const sluice_##name *arguments) {      \
        return name##_of(stream, arguments, SLUICE_TYPE_F32);                                      \
    }                                                                                              \
    sluice_status sluice__cpu_bf16_##name(sluice_stream *stream, const sluice_##name *arguments) { \
        return name##_of(stream, arguments, SLUICE_TYPE_BF16);                                     \
    }

#endif
