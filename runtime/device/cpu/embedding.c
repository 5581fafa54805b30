/* SPDX-License-Identifier: MIT */
/* embedding.c -- rows of tables by token and position, and gradients scattered back. */
#include <inttypes.h>

#include "runtime/base/error.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/loops.h"

SLUICE__LOOP void add_row_loop(float *restrict out, const float *a, const float *b, int64_t count) {
    for (int64_t j = 0; j < count; j++) out[j] = a[j] + b[j];
}
SLUICE__VERSIONS(add_row, (float *restrict out, const float *a, const float *b, int64_t count),
                 (out, a, b, count))

SLUICE__LOOP void accumulate_loop(float *restrict out, const float *restrict row, int64_t count) {
    for (int64_t j = 0; j < count; j++) out[j] += row[j];
}
SLUICE__VERSIONS(accumulate, (float *restrict out, const float *restrict row, int64_t count),
                 (out, row, count))

static sluice_status check_tokens(const int32_t *tokens, int64_t count, int64_t vocabulary) {
    for (int64_t i = 0; i < count; i++) {
        if (tokens[i] >= 0 && tokens[i] < vocabulary) continue;
        const sluice_status status =
            sluice__fail(SLUICE_E_ARGUMENT,
                         "token %" PRId64 " is %" PRId32 ", and the table has %" PRId64 " rows", i,
                         tokens[i], vocabulary);
        return sluice__hint(status, "use a model whose vocabulary is that of the data");
    }
    return SLUICE_OK;
}

/* ---- forward ---- */

static void forward_task(const void *job, int64_t task, int thread) {
    (void)thread;
    const sluice_embedding *const args = job;
    const int64_t width = args->width, rows = args->samples * args->length;
    const int64_t block = sluice__row_block(width), first = task * block;
    float *const y           = args->y;
    const float *const table = args->table, *const positions = args->positions;
    for (int64_t i = first; i < sluice__min(rows, first + block); i++) {
        const float *const row = table + args->tokens[i] * width;
        if (positions)
            add_row(y + i * width, row, positions + i % args->length * width, width);
        else
            memcpy(y + i * width, row, (size_t)width * sizeof *y);
    }
}

sluice_status sluice__cpu_embedding(sluice_stream *stream, const sluice_embedding *args) {
    const int64_t rows = args->samples * args->length;
    SLUICE__TRY(check_tokens(args->tokens, rows, args->vocabulary));
    sluice__team_run(stream->device->team, sluice__blocks(rows, sluice__row_block(args->width)),
                     forward_task, args);
    return SLUICE_OK;
}

/* ---- backward: a task owns some columns of both tables and goes through all rows in order ---- */

enum { COLUMNS = 32 };

static void backward_task(const void *job, int64_t task, int thread) {
    (void)thread;
    const sluice_embedding_backward *const args = job;
    const int64_t width = args->width, first = task * COLUMNS;
    const int64_t count = sluice__min(COLUMNS, width - first);
    for (int64_t i = 0; i < args->samples * args->length; i++) {
        const float *const dy = (const float *)args->dy + i * width + first;
        accumulate(args->dtable + args->tokens[i] * width + first, dy, count);
        if (!args->dpositions) continue;
        accumulate(args->dpositions + i % args->length * width + first, dy, count);
    }
}

sluice_status sluice__cpu_embedding_backward(sluice_stream *stream,
                                             const sluice_embedding_backward *args) {
    SLUICE__TRY(check_tokens(args->tokens, args->samples * args->length, args->vocabulary));
    if (args->first_write) {
        sluice__fill_zero(stream->device, args->dtable, args->vocabulary * args->width);
        if (args->dpositions)
            sluice__fill_zero(stream->device, args->dpositions, args->positions * args->width);
    }
    sluice__team_run(stream->device->team, sluice__blocks(args->width, COLUMNS), backward_task,
                     args);
    return SLUICE_OK;
}
