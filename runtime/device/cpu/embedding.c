/* SPDX-License-Identifier: MIT */
/* embedding.c -- rows of tables by token and position, and gradients scattered back. */
#include <inttypes.h>

#include "runtime/base/error.h"
#include "runtime/device/cpu/bf16.h"
#include "runtime/device/cpu/cpu.h"

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

/* The same of bf16. */
SLUICE__LOOP void add_bf16_loop(uint16_t *restrict out, const uint16_t *a, const uint16_t *b,
                                int64_t count) {
    for (int64_t j = 0; j < count; j++)
        out[j] = sluice__bf16_of(sluice__float_of(a[j]) + sluice__float_of(b[j]));
}
SLUICE__VERSIONS(add_bf16,
                 (uint16_t *restrict out, const uint16_t *a, const uint16_t *b, int64_t count),
                 (out, a, b, count))

SLUICE__LOOP void accumulate_bf16_loop(float *restrict out, const uint16_t *restrict row,
                                       int64_t count) {
    for (int64_t j = 0; j < count; j++) out[j] += sluice__float_of(row[j]);
}
SLUICE__VERSIONS(accumulate_bf16,
                 (float *restrict out, const uint16_t *restrict row, int64_t count),
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

typedef struct forward_job {
    const sluice_embedding *args;
    sluice_type type;
} forward_job;

static void embed(const forward_job *job, int64_t i) {
    const sluice_embedding *const args = job->args;
    const int64_t width                = args->width;
    void *const y                      = (void *)sluice__element(args->y, job->type, i * width);
    const void *const row = sluice__element(args->table, job->type, args->tokens[i] * width);
    const void *const position =
        sluice__element(args->positions, job->type, i % args->length * width);
    if (!position)
        memcpy(y, row, (size_t)width * sluice_type_bytes(job->type));
    else if (job->type == SLUICE_TYPE_BF16)
        add_bf16(y, row, position, width);
    else
        add_row(y, row, position, width);
}

static void forward_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const forward_job *const job = argument;
    const int64_t rows           = job->args->samples * job->args->length,
                  block = sluice__row_block(job->args->width), first = task * block;
    for (int64_t i = first; i < sluice__min(rows, first + block); i++) embed(job, i);
}

static sluice_status embedding_of(sluice_stream *stream, const sluice_embedding *args,
                                  sluice_type type) {
    const int64_t rows    = args->samples * args->length;
    const forward_job job = {args, type};
    SLUICE__TRY(check_tokens(args->tokens, rows, args->vocabulary));
    sluice__team_run(stream->device->team, sluice__blocks(rows, sluice__row_block(args->width)),
                     forward_task, &job);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(embedding)

/* ---- backward: a task owns some columns of both tables and goes through all rows in order ---- */

enum { COLUMNS = 32 };

typedef struct backward_job {
    const sluice_embedding_backward *args;
    sluice_type type;
} backward_job;

static void add_to(float *out, const backward_job *job, int64_t at, int64_t count) {
    if (job->type == SLUICE_TYPE_BF16)
        accumulate_bf16(out, (const uint16_t *)job->args->dy + at, count);
    else
        accumulate(out, (const float *)job->args->dy + at, count);
}

static void backward_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const backward_job *const job               = argument;
    const sluice_embedding_backward *const args = job->args;
    const int64_t width = args->width, first = task * COLUMNS;
    const int64_t count = sluice__min(COLUMNS, width - first);
    for (int64_t i = 0; i < args->samples * args->length; i++) {
        const int64_t at = i * width + first;
        add_to(args->dtable + args->tokens[i] * width + first, job, at, count);
        if (!args->dpositions) continue;
        add_to(args->dpositions + i % args->length * width + first, job, at, count);
    }
}

static sluice_status embedding_backward_of(sluice_stream *stream,
                                           const sluice_embedding_backward *args,
                                           sluice_type type) {
    const backward_job job = {args, type};
    SLUICE__TRY(check_tokens(args->tokens, args->samples * args->length, args->vocabulary));
    if (args->first_write) {
        sluice__fill_zero(stream->device, args->dtable, args->vocabulary * args->width);
        if (args->dpositions)
            sluice__fill_zero(stream->device, args->dpositions, args->positions * args->width);
    }
    sluice__team_run(stream->device->team, sluice__blocks(args->width, COLUMNS), backward_task,
                     &job);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(embedding_backward)
