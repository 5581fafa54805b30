/* SPDX-License-Identifier: MIT */
/*
 * classifier.c -- the output head with its loss, a slab of rows at a time, a block of classes after
 * another.
 *
 *   forward    each block: logits = x w^T, then exp(logit - the row's largest of the block), its
 *              sum and that largest one, while the block is in the cache
 *   rows       from these the loss of each row, and what turns a block's exponentials into
 *              gradients of logits: scale / sum of the row, under the row's largest of all
 *   gradients  each block: that factor, less scale at the target; dw = logits^T x. The blocks of a
 *              chunk are added to dx = logits w as soon as they are ready, while the next chunk is
 *              made
 */
#include <inttypes.h>
#include <math.h>

#include "runtime/base/error.h"
#include "runtime/device/cpu/bf16.h"
#include "runtime/device/cpu/blas.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/vexp.h"

enum { CHUNK = 16 /* blocks */, ROWS = 64, COLUMNS = 64 /* of a part of dx */ };

/* A slab: (blocks, rows) is the layout of what is kept for each row of each block. */
typedef struct slab {
    const sluice_classifier *args;
    sluice_type type; /* of x, w and dx */
    const sluice_device *device;
    int64_t first, rows;
    const void *x;
    float *dx; /* (rows, width): the slab's part of it, or what becomes that part in bf16 */
    const int32_t *targets;
    int64_t block, stride, blocks; /* classes of a block; between its rows; how many */
    double *losses;                /* (rows): minus the logarithm of the target's probability */
    float *chosen;                 /* (rows): the target's logit */
    float *logits;                 /* (blocks, rows, stride) */
    float *largest, *sums;         /* (blocks, rows); sums become factors */
} slab;

/* The slab that begins at row `first`. */
static slab slab_at(const sluice_device *device, const sluice_classifier *args, sluice_type type,
                    int64_t first) {
    slab s    = {.args    = args,
                 .type    = type,
                 .device  = device,
                 .first   = first,
                 .rows    = sluice__min(sluice__slab_rows(args->rows), args->rows - first),
                 .x       = sluice__element(args->x, type, first * args->width),
                 .targets = args->targets + first,
                 .block   = sluice__class_block(args->classes),
                 .stride  = sluice__class_stride(args->classes),
                 .losses  = args->scratch};
    s.blocks  = sluice__blocks(args->classes, s.block);
    s.chosen  = (float *)(s.losses + s.rows);
    s.largest = s.chosen + s.rows;
    s.sums    = s.largest + s.blocks * s.rows;
    s.logits  = s.sums + s.blocks * s.rows;
    if (type == SLUICE_TYPE_BF16)
        s.dx = s.logits + s.blocks * s.rows * s.stride;
    else if (args->dx)
        s.dx = (float *)args->dx + first * args->width;
    return s;
}

static int64_t classes_of(const slab *s, int64_t block) {
    return sluice__min(s->block, s->args->classes - block * s->block);
}

static float *logits_of(const slab *s, int64_t block) {
    return s->logits + block * s->rows * s->stride;
}

/* Element `at` of the block's rows of weights. */
static const void *weights_of(const slab *s, int64_t block, int64_t at) {
    return sluice__element(s->args->w, s->type, block * s->block * s->args->width + at);
}

/* Where in the block the target of row i is; -1: elsewhere, or the row is masked. */
static int64_t target_in(const slab *s, int64_t block, int64_t i) {
    const int64_t at = s->targets[i] - block * s->block;
    return s->targets[i] >= 0 && at >= 0 && at < s->block ? at : -1;
}

/* ---- forward: a task is a block ---- */

SLUICE__LOOP void exponentials_loop(float *x, float *largest, float *sum, int64_t count) {
    const float top = sluice__max(x, count);
    for (int64_t j = 0; j < count; j++) x[j] = sluice__exp(x[j] - top);
    *largest = top;
    *sum     = sluice__sum(x, count);
}
SLUICE__VERSIONS(exponentials, (float *x, float *largest, float *sum, int64_t count),
                 (x, largest, sum, count))

static void forward_task(const void *argument, int64_t block, int thread) {
    const slab *const s = argument;
    const int64_t width = s->args->width, classes = classes_of(s, block);
    float *const logits     = logits_of(s, block);
    sluice__product product = {.c           = logits,
                               .rows        = s->rows,
                               .columns     = classes,
                               .inner       = width,
                               .c_stride    = s->stride,
                               .a_stride    = width,
                               .b_stride    = width,
                               .alpha       = 1,
                               .transpose_b = true};
    sluice__set_a(&product, s->x, s->type);
    sluice__set_b(&product, weights_of(s, block, 0), s->type);
    sluice__multiply(&product, sluice__product_space(s->device, thread));
    for (int64_t i = 0; i < s->rows; i++) {
        float *const row = logits + i * s->stride;
        const int64_t at = target_in(s, block, i);
        if (at >= 0) s->chosen[i] = row[at];
        exponentials(row, &s->largest[block * s->rows + i], &s->sums[block * s->rows + i], classes);
    }
}

/* ---- rows: a task is some of them ---- */

/* Sums under the largest of all blocks' maxima; each block's sum becomes what its exponentials are
 * to be multiplied by for a sum of 1. */
SLUICE__LOOP void join_blocks_loop(const slab *s, int64_t first, int64_t count, float *restrict top,
                                   float *restrict total) {
    for (int64_t i = 0; i < count; i++) top[i] = s->largest[first + i], total[i] = 0;
    for (int64_t b = 1; b < s->blocks; b++) {
        const float *const restrict largest = s->largest + b * s->rows + first;
        for (int64_t i = 0; i < count; i++) top[i] = largest[i] > top[i] ? largest[i] : top[i];
    }
    for (int64_t b = 0; b < s->blocks; b++) {
        const float *const restrict largest = s->largest + b * s->rows + first;
        float *const restrict sums          = s->sums + b * s->rows + first;
        for (int64_t i = 0; i < count; i++) {
            const float shrink = sluice__exp(largest[i] - top[i]);
            total[i] += sums[i] * shrink;
            sums[i] = shrink;
        }
    }
}
SLUICE__VERSIONS(join_blocks,
                 (const slab *s, int64_t first, int64_t count, float *restrict top,
                  float *restrict total),
                 (s, first, count, top, total))

static void rows_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const slab *const s = argument;
    const int64_t first = task * ROWS, count = sluice__min(ROWS, s->rows - first);
    float top[ROWS], total[ROWS];
    join_blocks(s, first, count, top, total);
    for (int64_t i = 0; i < count; i++) {
        const bool masked = s->targets[first + i] < 0;
        s->losses[first + i] =
            masked ? 0 : log((double)total[i]) + (double)top[i] - (double)s->chosen[first + i];
        total[i] = masked ? 0 : (float)(s->args->scale / (double)total[i]);
    }
    for (int64_t b = 0; b < s->blocks; b++)
        for (int64_t i = 0; i < count; i++) s->sums[b * s->rows + first + i] *= total[i];
}

/* ---- gradients: tasks are blocks of a chunk, then parts of dx from the chunk before ---- */

typedef struct step {
    slab slab;
    int64_t chunk, blocks; /* the first block that becomes gradients of logits, and how many */
    int64_t ready;         /* how many before it are to be added to dx */
    int64_t across;        /* parts in a row of dx */
} step;

static void finish_block(const slab *s, int64_t block, int thread) {
    const int64_t width = s->args->width, classes = classes_of(s, block);
    float *const logits = logits_of(s, block);
    for (int64_t i = 0; i < s->rows; i++) {
        const int64_t at = target_in(s, block, i);
        sluice__scale(logits + i * s->stride, s->sums[block * s->rows + i], classes);
        if (at >= 0) logits[i * s->stride + at] -= (float)s->args->scale;
    }
    if (!s->args->dw) return;
    sluice__product product = {.c           = s->args->dw + block * s->block * width,
                               .a           = logits,
                               .rows        = classes,
                               .columns     = width,
                               .inner       = s->rows,
                               .c_stride    = width,
                               .a_stride    = s->stride,
                               .b_stride    = width,
                               .alpha       = 1,
                               .beta        = s->args->first_write && s->first == 0 ? 0.0f : 1.0f,
                               .transpose_a = true};
    sluice__set_b(&product, s->x, s->type);
    sluice__multiply(&product, sluice__product_space(s->device, thread));
}

static void add_to_dx(const step *at, int64_t part, int thread) {
    const slab *const s = &at->slab;
    const int64_t width = s->args->width, row = part / at->across * ROWS,
                  column = part % at->across * COLUMNS;
    for (int64_t block = at->chunk - at->ready; block < at->chunk; block++) {
        sluice__product product = {.c        = s->dx + row * width + column,
                                   .a        = logits_of(s, block) + row * s->stride,
                                   .rows     = sluice__min(ROWS, s->rows - row),
                                   .columns  = sluice__min(COLUMNS, width - column),
                                   .inner    = classes_of(s, block),
                                   .c_stride = width,
                                   .a_stride = s->stride,
                                   .b_stride = width,
                                   .alpha    = 1,
                                   .beta     = block == 0 ? 0.0f : 1.0f};
        sluice__set_b(&product, weights_of(s, block, column), s->type);
        sluice__multiply(&product, sluice__product_space(s->device, thread));
    }
}

static void gradient_task(const void *argument, int64_t task, int thread) {
    const step *const at = argument;
    if (task < at->blocks)
        finish_block(&at->slab, at->chunk + task, thread);
    else
        add_to_dx(at, task - at->blocks, thread);
}

static void run_gradients(sluice__team *team, const slab *s) {
    const int64_t across = sluice__blocks(s->args->width, COLUMNS);
    const int64_t parts  = s->args->dx ? sluice__blocks(s->rows, ROWS) * across : 0;
    for (int64_t chunk = 0; chunk < s->blocks + CHUNK; chunk += CHUNK) {
        const int64_t from = sluice__min(chunk, s->blocks);
        const step at      = {.slab   = *s,
                              .chunk  = from,
                              .blocks = sluice__min(CHUNK, s->blocks - from),
                              .ready  = from - (chunk > CHUNK ? chunk - CHUNK : 0),
                              .across = across};
        sluice__team_run(team, at.blocks + (at.ready > 0 ? parts : 0), gradient_task, &at);
    }
}

/* ---- dx in bf16: a task is some rows ---- */

static void narrow_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const slab *const s = argument;
    const int64_t width = s->args->width, row = task * ROWS;
    sluice__narrow((uint16_t *)s->args->dx + (s->first + row) * width, s->dx + row * width,
                   sluice__min(ROWS, s->rows - row) * width);
}

/* ---- slab by slab ---- */

static double run_slab(sluice__team *team, const slab *s) {
    double loss = 0;
    sluice__team_run(team, s->blocks, forward_task, s);
    sluice__team_run(team, sluice__blocks(s->rows, ROWS), rows_task, s);
    if (s->args->dx || s->args->dw) run_gradients(team, s);
    if (s->args->dx && s->type == SLUICE_TYPE_BF16)
        sluice__team_run(team, sluice__blocks(s->rows, ROWS), narrow_task, s);
    for (int64_t i = 0; i < s->rows; i++) loss += s->losses[i];
    return loss;
}

static sluice_status check_targets(const sluice_classifier *args) {
    for (int64_t i = 0; i < args->rows; i++) {
        if (args->targets[i] < args->classes) continue;
        const sluice_status status = sluice__fail(SLUICE_E_ARGUMENT,
                                                  "the target of row %" PRId64 " is %" PRId32
                                                  ", and there are %" PRId64 " classes",
                                                  i, args->targets[i], args->classes);
        return sluice__hint(status, "use a model whose vocabulary is that of the data");
    }
    return SLUICE_OK;
}

static sluice_status classifier_of(sluice_stream *stream, const sluice_classifier *args,
                                   sluice_type type) {
    SLUICE__TRY(check_targets(args));
    if (args->rows == 0 && args->dw && args->first_write)
        sluice__fill_zero(stream->device, args->dw, args->classes * args->width);
    double loss = 0;
    for (int64_t first = 0; first < args->rows;) {
        const slab s = slab_at(stream->device, args, type, first);
        loss += run_slab(stream->device->team, &s);
        first += s.rows;
    }
    *args->loss = args->scale * loss;
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(classifier)
