/* SPDX-License-Identifier: MIT */
/*
 * bf16_rows.c -- operations whose rows do not depend on each other, in bf16: some rows at a time
 * become floats, the fp32 operation computes them on the thread that took the block, and its
 * results become bf16.
 *
 * Blocks depend on the shape alone. Where rows add to gradients of parameters, each block's sums
 * are kept and added in order of blocks, as in fp32.
 */
#include <inttypes.h>

#include "runtime/base/error.h"
#include "runtime/device/cpu/bf16.h"
#include "runtime/device/cpu/cpu.h"

/* ---- the tensors of an operation ---- */

typedef enum use {
    READ       = 1,
    WRITTEN    = 2,
    SHARED     = 4,  /* read, the same for every row: `columns` elements in all */
    STATISTICS = 8,  /* fp32, of each row */
    GRADIENT   = 16, /* fp32, of all rows: (columns) */
    SCRATCH    = 32  /* of the fp32 operation, `columns` floats for as many rows as a block has */
} use;

typedef struct tensor {
    size_t field; /* of the pointer in the arguments */
    int use;
    int64_t columns;
} tensor;

enum { TENSORS = 11, BYTES = 160 };

typedef sluice_status run_function(sluice_stream *stream, const void *args);

typedef struct rowwise {
    run_function *run; /* the fp32 operation */
    const void *args;
    size_t bytes;             /* of them */
    size_t rows, first_write; /* fields in them; first_write: 0 if there is none */
    int64_t block;            /* rows of a task */
    int64_t at_once;          /* rows that are floats at a time */
    float *sums;              /* of GRADIENT tensors: (tensors, blocks, columns) */
    const sluice_device *device;
    tensor tensors[TENSORS]; /* up to one without a use */
} rowwise;

static void *pointer_in(const void *args, size_t field) {
    void *pointer;
    memcpy(&pointer, (const char *)args + field, sizeof pointer);
    return pointer;
}

static void set_pointer(void *args, size_t field, const void *to) {
    memcpy((char *)args + field, &to, sizeof to);
}

static int64_t rows_of(const rowwise *op) {
    int64_t rows;
    memcpy(&rows, (const char *)op->args + op->rows, sizeof rows);
    return rows;
}

/* ---- some rows ---- */

/* The same tensor given twice (a residual in place) has the same floats. */
static float *find_floats(const rowwise *op, const void *narrowed, int before, const void *of) {
    for (int k = 0; k < before; k++)
        if (op->tensors[k].use & (READ | WRITTEN) &&
            pointer_in(op->args, op->tensors[k].field) == of)
            return pointer_in(narrowed, op->tensors[k].field);
    return NULL;
}

/* Give the fp32 operation floats in place of tensor number k; returns the rest of the space. */
static float *give(const rowwise *op, void *args, int k, int64_t first, int64_t count,
                   float *space) {
    const tensor *const t  = &op->tensors[k];
    const void *const from = pointer_in(op->args, t->field);
    if (t->use & SCRATCH) {
        set_pointer(args, t->field, space);
        return space + t->columns;
    }
    if (!from || t->use & GRADIENT) return space;
    if (t->use & STATISTICS) {
        set_pointer(args, t->field, (const float *)from + first * t->columns);
        return space;
    }
    const bool is_shared   = t->use & SHARED;
    const int64_t elements = is_shared ? t->columns : count * t->columns;
    float *const other     = find_floats(op, args, k, from);
    set_pointer(args, t->field, other ? other : space);
    if (other) return space;
    if (t->use & (READ | SHARED))
        sluice__widen(space, (const uint16_t *)from + (is_shared ? 0 : first * t->columns),
                      elements);
    return space + elements;
}

static void take(const rowwise *op, const void *args, int64_t first, int64_t count) {
    for (const tensor *t = op->tensors; t->use; t++) {
        uint16_t *const to = pointer_in(op->args, t->field);
        if (t->use & WRITTEN && to)
            sluice__narrow(to + first * t->columns, pointer_in(args, t->field), count * t->columns);
    }
}

/* ---- a block ---- */

/* Where a block's share of gradients is. */
static void give_gradients(const rowwise *op, void *args, int64_t block) {
    const int64_t blocks = sluice__blocks(rows_of(op), op->block);
    float *sums          = op->sums;
    for (const tensor *t = op->tensors; t->use; t++) {
        if (!(t->use & GRADIENT)) continue;
        if (pointer_in(op->args, t->field)) set_pointer(args, t->field, sums + block * t->columns);
        sums += blocks * t->columns;
    }
}

static void rows_task(const void *argument, int64_t task, int thread) {
    const rowwise *const op = argument;
    const int64_t from = task * op->block, end = sluice__min(rows_of(op), from + op->block);
    sluice_device alone  = {.team = NULL, .threads = 1};
    sluice_stream stream = {&alone};
    for (int64_t first = from; first < end; first += op->at_once) {
        _Alignas(max_align_t) char args[BYTES];
        const int64_t count = sluice__min(op->at_once, end - first);
        const bool begins   = first == from;
        float *space        = sluice__product_space(op->device, thread);
        memcpy(args, op->args, op->bytes);
        memcpy(args + op->rows, &count, sizeof count);
        if (op->first_write) memcpy(args + op->first_write, &begins, sizeof begins);
        for (int k = 0; op->tensors[k].use; k++) space = give(op, args, k, first, count, space);
        give_gradients(op, args, task);
        (void)op->run(&stream, args); /* these refuse nothing */
        take(op, args, first, count);
    }
}

/* ---- all of them ---- */

/* A block of rows fits a cache, and a row the space of a thread. */
static sluice_status choose_rows(rowwise *op) {
    enum { CACHED = 48 << 10 /* floats */, SPACE = SLUICE__WORKSPACE };
    int64_t row = 0, fixed = 0;
    for (const tensor *t = op->tensors; t->use; t++) {
        row += (t->use & (READ | WRITTEN)) ? t->columns : 0;
        fixed += (t->use & (SHARED | SCRATCH)) ? t->columns : 0;
    }
    if (row + fixed > SPACE)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "rows take %" PRId64 " numbers, and in bf16 they go up to %d",
                            row + fixed, SPACE);
    op->at_once =
        sluice__min(op->block, (CACHED - sluice__min(fixed, CACHED)) / (row > 0 ? row : 1));
    if (op->at_once < 1) op->at_once = 1;
    return SLUICE_OK;
}

static void add_gradients(const rowwise *op, sluice_device *device) {
    const int64_t blocks = sluice__blocks(rows_of(op), op->block);
    bool first_write     = false;
    float *sums          = op->sums;
    if (op->first_write)
        memcpy(&first_write, (const char *)op->args + op->first_write, sizeof first_write);
    for (const tensor *t = op->tensors; t->use; t++) {
        float *const to = pointer_in(op->args, t->field);
        if (!(t->use & GRADIENT)) continue;
        if (to) sluice__add_partials(device, to, sums, blocks, t->columns, first_write);
        sums += blocks * t->columns;
    }
}

static sluice_status run_rowwise(sluice_stream *stream, rowwise *op) {
    SLUICE__TRY(choose_rows(op));
    op->device = stream->device;
    sluice__team_run(stream->device->team, sluice__blocks(rows_of(op), op->block), rows_task, op);
    add_gradients(op, stream->device);
    return SLUICE_OK;
}

/* ---- the operations ---- */

#define RUN(name)                                                                                  \
    static sluice_status run_##name(sluice_stream *stream, const void *args) {                     \
        return sluice__cpu_##name(stream, args);                                                   \
    }                                                                                              \
    _Static_assert(sizeof(sluice_##name) <= BYTES, "arguments of " #name " are copied")
#define FIELD(name, field) offsetof(sluice_##name, field)

RUN(norm);
sluice_status sluice__cpu_bf16_norm(sluice_stream *stream, const sluice_norm *a) {
    rowwise op = {.run     = run_norm,
                  .args    = a,
                  .bytes   = sizeof *a,
                  .rows    = FIELD(norm, rows),
                  .block   = sluice__row_block(a->width),
                  .tensors = {{FIELD(norm, y), WRITTEN, a->width},
                              {FIELD(norm, x), READ, a->width},
                              {FIELD(norm, gain), SHARED, a->width},
                              {FIELD(norm, bias), SHARED, a->width},
                              {FIELD(norm, mean), STATISTICS, 1},
                              {FIELD(norm, rstd), STATISTICS, 1}}};
    return run_rowwise(stream, &op);
}

RUN(norm_backward);
sluice_status sluice__cpu_bf16_norm_backward(sluice_stream *stream, const sluice_norm_backward *a) {
    rowwise op = {.run         = run_norm_backward,
                  .args        = a,
                  .bytes       = sizeof *a,
                  .rows        = FIELD(norm_backward, rows),
                  .first_write = FIELD(norm_backward, first_write),
                  .block       = SLUICE__COLUMN_SUM_ROWS,
                  .sums        = a->scratch,
                  .tensors     = {{FIELD(norm_backward, residual), READ, a->width},
                                  {FIELD(norm_backward, dx), WRITTEN, a->width},
                                  {FIELD(norm_backward, dy), READ, a->width},
                                  {FIELD(norm_backward, x), READ, a->width},
                                  {FIELD(norm_backward, gain), SHARED, a->width},
                                  {FIELD(norm_backward, mean), STATISTICS, 1},
                                  {FIELD(norm_backward, rstd), STATISTICS, 1},
                                  {FIELD(norm_backward, scratch), SCRATCH, 2 * a->width},
                                  {FIELD(norm_backward, dgain), GRADIENT, a->width},
                                  {FIELD(norm_backward, dbias), GRADIENT, a->width}}};
    return run_rowwise(stream, &op);
}

RUN(head_norm);
sluice_status sluice__cpu_bf16_head_norm(sluice_stream *stream, const sluice_head_norm *a) {
    const int64_t row = (a->heads + 2 * a->kv_heads) * a->head_width;
    rowwise op        = {.run     = run_head_norm,
                         .args    = a,
                         .bytes   = sizeof *a,
                         .rows    = FIELD(head_norm, rows),
                         .block   = sluice__row_block(row),
                         .tensors = {{FIELD(head_norm, qkv), READ, row},
                                     {FIELD(head_norm, y), WRITTEN, row},
                                     {FIELD(head_norm, q_gain), SHARED, a->head_width},
                                     {FIELD(head_norm, k_gain), SHARED, a->head_width},
                                     {FIELD(head_norm, rstd), STATISTICS, a->heads + a->kv_heads}}};
    return run_rowwise(stream, &op);
}

RUN(head_norm_backward);
sluice_status sluice__cpu_bf16_head_norm_backward(sluice_stream *stream,
                                                  const sluice_head_norm_backward *a) {
    const int64_t row = (a->heads + 2 * a->kv_heads) * a->head_width;
    rowwise op        = {.run         = run_head_norm_backward,
                         .args        = a,
                         .bytes       = sizeof *a,
                         .rows        = FIELD(head_norm_backward, rows),
                         .first_write = FIELD(head_norm_backward, first_write),
                         .block       = SLUICE__COLUMN_SUM_ROWS,
                         .sums        = a->scratch,
                         .tensors     = {{FIELD(head_norm_backward, dqkv), READ | WRITTEN, row},
                                         {FIELD(head_norm_backward, qkv), READ, row},
                                         {FIELD(head_norm_backward, q_gain), SHARED, a->head_width},
                                         {FIELD(head_norm_backward, k_gain), SHARED, a->head_width},
                                         {FIELD(head_norm_backward, rstd), STATISTICS, a->heads + a->kv_heads},
                                         {FIELD(head_norm_backward, scratch), SCRATCH, 2 * a->head_width},
                                         {FIELD(head_norm_backward, dq_gain), GRADIENT, a->head_width},
                                         {FIELD(head_norm_backward, dk_gain), GRADIENT, a->head_width}}};
    return run_rowwise(stream, &op);
}

RUN(swiglu);
sluice_status sluice__cpu_bf16_swiglu(sluice_stream *stream, const sluice_swiglu *a) {
    rowwise op = {.run     = run_swiglu,
                  .args    = a,
                  .bytes   = sizeof *a,
                  .rows    = FIELD(swiglu, rows),
                  .block   = sluice__row_block(a->hidden),
                  .tensors = {{FIELD(swiglu, y), WRITTEN, a->hidden},
                              {FIELD(swiglu, x), READ, 2 * a->hidden}}};
    return run_rowwise(stream, &op);
}

RUN(swiglu_backward);
sluice_status sluice__cpu_bf16_swiglu_backward(sluice_stream *stream,
                                               const sluice_swiglu_backward *a) {
    rowwise op = {.run     = run_swiglu_backward,
                  .args    = a,
                  .bytes   = sizeof *a,
                  .rows    = FIELD(swiglu_backward, rows),
                  .block   = sluice__row_block(a->hidden),
                  .tensors = {{FIELD(swiglu_backward, dx), WRITTEN, 2 * a->hidden},
                              {FIELD(swiglu_backward, dy), READ, a->hidden},
                              {FIELD(swiglu_backward, x), READ, 2 * a->hidden}}};
    return run_rowwise(stream, &op);
}
