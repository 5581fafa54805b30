/* SPDX-License-Identifier: MIT */
/* rotary.c -- queries and keys turned by their positions, in place, row by row. */
#include <inttypes.h>
#include <math.h>

#include "runtime/base/error.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/loops.h"
#include "runtime/device/rotary.h"

enum { PIECE = 64 }; /* pairs whose angles' sines and cosines are there at once */

typedef struct rotary_job {
    const sluice_rotary *args;
    int64_t rows, stride, block; /* all rows, between two of them, and those of a task */
    float frequencies[SLUICE__ROTARY_PAIRS];
} rotary_job;

/* Pairs of one row from the first on, of all its heads. */
typedef struct piece {
    float *row;
    int64_t heads, half, first, count;
    float cosines[PIECE], sines[PIECE];
} piece;

SLUICE__LOOP void turn_loop(const piece *p) {
    for (int64_t h = 0; h < p->heads; h++) {
        float *const restrict a = p->row + 2 * h * p->half + p->first, *const restrict b =
                                                                           a + p->half;
        for (int64_t i = 0; i < p->count; i++) {
            const float x = a[i], y = b[i];
            a[i] = x * p->cosines[i] - y * p->sines[i];
            b[i] = y * p->cosines[i] + x * p->sines[i];
        }
    }
}
SLUICE__VERSIONS(turn, (const piece *p), (p))

static void turn_row(const rotary_job *job, int64_t row) {
    const sluice_rotary *const args = job->args;
    const float position            = (float)(args->first_position + row % args->length);
    piece p                         = {.row   = (float *)args->qkv + row * job->stride,
                                       .heads = args->heads + args->kv_heads,
                                       .half  = args->head_width / 2};
    for (; p.first < p.half; p.first += PIECE) {
        p.count = sluice__min(PIECE, p.half - p.first);
        for (int64_t i = 0; i < p.count; i++) {
            const float angle = position * job->frequencies[p.first + i];
            p.cosines[i]      = cosf(angle);
            p.sines[i]        = args->inverse ? -sinf(angle) : sinf(angle);
        }
        turn(&p);
    }
}

static void rotary_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const rotary_job *const job = argument;
    const int64_t end           = sluice__min(job->rows, (task + 1) * job->block);
    for (int64_t row = task * job->block; row < end; row++) turn_row(job, row);
}

sluice_status sluice__cpu_rotary(sluice_stream *stream, const sluice_rotary *args) {
    if (args->head_width > SLUICE__ROTARY_WIDTH)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "heads are %" PRId64 " wide, and rotary positions go up to %d",
                            args->head_width, SLUICE__ROTARY_WIDTH);
    const int64_t stride = (args->heads + 2 * args->kv_heads) * args->head_width;
    rotary_job job       = {.args   = args,
                            .rows   = args->samples * args->length,
                            .stride = stride,
                            .block  = sluice__row_block(stride)};
    for (int64_t i = 0; i < args->head_width / 2; i++)
        job.frequencies[i] = sluice__rotary_frequency(&args->frequencies, i, args->head_width);
    sluice__team_run(stream->device->team, sluice__blocks(job.rows, job.block), rotary_task, &job);
    return SLUICE_OK;
}
