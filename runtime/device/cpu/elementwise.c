/* SPDX-License-Identifier: MIT */
/* elementwise.c -- operations on flat arrays, and sums over blocks. */
#include "runtime/device/cpu/bf16.h"
#include "runtime/device/cpu/cpu.h"

enum { BLOCK = 16384 }; /* elements of one task */

typedef struct range {
    int64_t first, count;
} range;

static range block_at(int64_t task, int64_t block, int64_t count) {
    const int64_t first = task * block;
    return (range){first, sluice__min(block, count - first)};
}

/* ---- y = max(x, 0) and its gradient ---- */

typedef struct relu_job {
    void *y;
    const void *x, *where; /* y = x where `where` is positive */
    sluice_type type;
    int64_t count;
} relu_job;

SLUICE__LOOP void keep_positive_loop(float *y, const float *x, const float *where, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = where[i] > 0 ? x[i] : 0;
}
SLUICE__VERSIONS(keep_positive, (float *y, const float *x, const float *where, int64_t count),
                 (y, x, where, count))

SLUICE__LOOP void keep_positive_bf16_loop(uint16_t *y, const uint16_t *x, const uint16_t *where,
                                          int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = sluice__float_of(where[i]) > 0 ? x[i] : 0;
}
SLUICE__VERSIONS(keep_positive_bf16,
                 (uint16_t * y, const uint16_t *x, const uint16_t *where, int64_t count),
                 (y, x, where, count))

static void relu_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const relu_job *const job = argument;
    const range at            = block_at(task, BLOCK, job->count);
    void *const y             = (void *)sluice__element(job->y, job->type, at.first);
    const void *const x       = sluice__element(job->x, job->type, at.first);
    const void *const where   = sluice__element(job->where, job->type, at.first);
    if (job->type == SLUICE_TYPE_BF16)
        keep_positive_bf16(y, x, where, at.count);
    else
        keep_positive(y, x, where, at.count);
}

static sluice_status run_relu(sluice_device *device, const relu_job *job) {
    sluice__team_run(device->team, sluice__blocks(job->count, BLOCK), relu_task, job);
    return SLUICE_OK;
}

static sluice_status relu_of(sluice_stream *stream, const sluice_relu *args, sluice_type type) {
    return run_relu(stream->device, &(relu_job){args->y, args->x, args->x, type, args->count});
}
SLUICE__BOTH_TYPES(relu)

static sluice_status relu_backward_of(sluice_stream *stream, const sluice_relu_backward *args,
                                      sluice_type type) {
    return run_relu(stream->device, &(relu_job){args->dx, args->dy, args->x, type, args->count});
}
SLUICE__BOTH_TYPES(relu_backward)

/* ---- sum of arrays ---- */

enum { PIECE = 256 }; /* elements summed in a local array, since `out` may be one of the inputs */

SLUICE__LOOP void sum_piece_loop(const sluice_sum *args, int64_t first, int64_t count) {
    float sum[PIECE];
    memcpy(sum, args->inputs[0] + first, (size_t)count * sizeof *sum);
    for (int t = 1; t < args->terms; t++) {
        const float *const restrict term = args->inputs[t] + first;
        for (int64_t i = 0; i < count; i++) sum[i] += term[i];
    }
    memcpy(args->out + first, sum, (size_t)count * sizeof *sum);
}
SLUICE__VERSIONS(sum_piece, (const sluice_sum *args, int64_t first, int64_t count),
                 (args, first, count))

static void sum_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const sluice_sum *const args = argument;
    const range at               = block_at(task, BLOCK, args->count);
    for (int64_t piece = 0; piece < at.count; piece += PIECE)
        sum_piece(args, at.first + piece, sluice__min(PIECE, at.count - piece));
}

sluice_status sluice__cpu_sum(sluice_stream *stream, const sluice_sum *args) {
    if (args->terms == 0)
        sluice__fill_zero(stream->device, args->out, args->count);
    else
        sluice__team_run(stream->device->team, sluice__blocks(args->count, BLOCK), sum_task, args);
    return SLUICE_OK;
}

/* Gradients of parameters are fp32 in every precision. */
sluice_status sluice__cpu_bf16_sum(sluice_stream *stream, const sluice_sum *args) {
    return sluice__cpu_sum(stream, args);
}

/* ---- squared error ---- */

typedef struct error_job {
    const sluice_squared_error *args;
    sluice_type type;
    double *partials;
    int64_t block;
} error_job;

SLUICE__LOOP void square_errors_loop(double *out, float *dx, const float *x, const float *targets,
                                     float twice_scale, int64_t count) {
    double total = 0;
    for (int64_t i = 0; i < count; i++) {
        const float error = x[i] - targets[i];
        total += (double)error * (double)error;
        if (dx) dx[i] = twice_scale * error;
    }
    *out = total;
}
SLUICE__VERSIONS(square_errors,
                 (double *out, float *dx, const float *x, const float *targets, float twice_scale,
                  int64_t count),
                 (out, dx, x, targets, twice_scale, count))

static void square_bf16_errors(const error_job *job, int64_t task, range at) {
    const sluice_squared_error *const args = job->args;
    const uint16_t *const x                = args->x;
    uint16_t *const dx                     = args->dx;
    job->partials[task]                    = 0;
    for (int64_t i = 0; i < at.count; i += PIECE) {
        const int64_t first = at.first + i, count = sluice__min(PIECE, at.count - i);
        float wide[PIECE], slopes[PIECE];
        double part;
        sluice__widen(wide, x + first, count);
        square_errors(&part, slopes, wide, args->targets + first, (float)(2 * args->scale), count);
        job->partials[task] += part;
        if (dx) sluice__narrow(dx + first, slopes, count);
    }
}

static void error_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const error_job *const job             = argument;
    const sluice_squared_error *const args = job->args;
    float *const dx                        = args->dx;
    const float *const x                   = args->x;
    const range at                         = block_at(task, job->block, args->count);
    if (job->type == SLUICE_TYPE_BF16)
        square_bf16_errors(job, task, at);
    else
        square_errors(&job->partials[task], dx ? dx + at.first : NULL, x + at.first,
                      args->targets + at.first, (float)(2 * args->scale), at.count);
}

static sluice_status squared_error_of(sluice_stream *stream, const sluice_squared_error *args,
                                      sluice_type type) {
    const error_job job  = {args, type, stream->device->partials,
                            sluice__reduction_block(args->count)};
    const int64_t blocks = sluice__blocks(args->count, job.block);
    sluice__team_run(stream->device->team, blocks, error_task, &job);
    double total = 0;
    for (int64_t b = 0; b < blocks; b++) total += job.partials[b];
    *args->loss = args->scale * total;
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(squared_error)

/* ---- what other operations share ---- */

SLUICE__LOOP void scale_loop(float *x, float by, int64_t count) {
    for (int64_t i = 0; i < count; i++) x[i] *= by;
}
SLUICE__VERSIONS(scale, (float *x, float by, int64_t count), (x, by, count))

void sluice__scale(float *x, float by, int64_t count) {
    scale(x, by, count);
}

typedef struct partials_job {
    float *out;
    const float *partials;
    int64_t blocks, columns;
    bool first_write;
} partials_job;

enum { COLUMNS = 256 }; /* of one task */

SLUICE__LOOP void add_blocks_loop(const partials_job *job, int64_t first, int64_t count) {
    float sum[COLUMNS] = {0};
    for (int64_t b = 0; b < job->blocks; b++) {
        const float *const restrict row = job->partials + b * job->columns + first;
        for (int64_t j = 0; j < count; j++) sum[j] += row[j];
    }
    float *const restrict out = job->out + first;
    if (job->first_write)
        memcpy(out, sum, (size_t)count * sizeof *sum);
    else
        for (int64_t j = 0; j < count; j++) out[j] += sum[j];
}
SLUICE__VERSIONS(add_blocks, (const partials_job *job, int64_t first, int64_t count),
                 (job, first, count))

static void partials_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const partials_job *const job = argument;
    const range at                = block_at(task, COLUMNS, job->columns);
    add_blocks(job, at.first, at.count);
}

void sluice__add_partials(sluice_device *device, float *out, const float *partials, int64_t blocks,
                          int64_t columns, bool first_write) {
    const partials_job job = {out, partials, blocks, columns, first_write};
    sluice__team_run(device->team, sluice__blocks(columns, COLUMNS), partials_task, &job);
}

typedef struct zero_job {
    float *to;
    int64_t count;
} zero_job;

static void zero_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const zero_job *const job = argument;
    const range at            = block_at(task, BLOCK, job->count);
    memset(job->to + at.first, 0, (size_t)at.count * sizeof *job->to);
}

void sluice__fill_zero(sluice_device *device, float *to, int64_t count) {
    const zero_job job = {to, count};
    sluice__team_run(device->team, sluice__blocks(count, BLOCK), zero_task, &job);
}
