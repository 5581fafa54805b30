/* SPDX-License-Identifier: MIT */
/* rotary.c -- queries and keys turned by their positions, in place. Sines and cosines of a position
 * are made once, for all heads of its row in every sample. */
#include <inttypes.h>

#include "runtime/base/error.h"
#include "runtime/device/cpu/bf16.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/vsincos.h"
#include "runtime/device/rotary.h"

enum { PIECE = 64 }; /* pairs whose angles' sines and cosines are there at once */

typedef struct rotary_job {
    const sluice_rotary *args;
    sluice_type type;
    int64_t stride, block; /* from row to row; positions of a task */
    double frequencies[SLUICE__ROTARY_PAIRS];
} rotary_job;

/* Pairs of one position from the first on, in all heads of all samples. */
typedef struct piece {
    void *row; /* of the first sample */
    int64_t samples, next, heads, half, first, count;
    double position;
    float cosines[PIECE], sines[PIECE];
} piece;

SLUICE__LOOP void angles_loop(piece *p, const double *frequencies, bool inverse) {
    const double direction = inverse ? -1 : 1;
    for (int64_t i = 0; i < p->count; i++) {
        double sine, cosine;
        sluice__sincos(&sine, &cosine, p->position * frequencies[p->first + i]);
        p->sines[i]   = (float)(direction * sine);
        p->cosines[i] = (float)cosine;
    }
}
SLUICE__VERSIONS(angles, (piece * p, const double *frequencies, bool inverse),
                 (p, frequencies, inverse))

SLUICE__LOOP void turn_loop(const piece *p) {
    for (int64_t n = 0; n < p->samples * p->heads; n++) {
        float *const head = (float *)p->row + n / p->heads * p->next + 2 * (n % p->heads) * p->half;
        float *const restrict a = head + p->first, *const restrict b = a + p->half;
        for (int64_t i = 0; i < p->count; i++) {
            const float x = a[i], y = b[i];
            a[i] = x * p->cosines[i] - y * p->sines[i];
            b[i] = y * p->cosines[i] + x * p->sines[i];
        }
    }
}
SLUICE__VERSIONS(turn, (const piece *p), (p))

SLUICE__LOOP void turn_bf16_loop(const piece *p) {
    for (int64_t n = 0; n < p->samples * p->heads; n++) {
        uint16_t *const head =
            (uint16_t *)p->row + n / p->heads * p->next + 2 * (n % p->heads) * p->half;
        uint16_t *const restrict a = head + p->first, *const restrict b = a + p->half;
        for (int64_t i = 0; i < p->count; i++) {
            const float x = sluice__float_of(a[i]), y = sluice__float_of(b[i]);
            a[i] = sluice__bf16_of(x * p->cosines[i] - y * p->sines[i]);
            b[i] = sluice__bf16_of(y * p->cosines[i] + x * p->sines[i]);
        }
    }
}
SLUICE__VERSIONS(turn_bf16, (const piece *p), (p))

static void turn_position(const rotary_job *job, int64_t at) {
    const sluice_rotary *const args = job->args;
    piece p = {.row      = (void *)sluice__element(args->qkv, job->type, at * job->stride),
               .samples  = args->samples,
               .next     = args->length * job->stride,
               .heads    = args->heads + args->kv_heads,
               .half     = args->head_width / 2,
               .position = (double)(args->first_position + at)};
    for (; p.first < p.half; p.first += PIECE) {
        p.count = sluice__min(PIECE, p.half - p.first);
        angles(&p, job->frequencies, args->inverse);
        (job->type == SLUICE_TYPE_BF16 ? turn_bf16 : turn)(&p);
    }
}

static void rotary_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const rotary_job *const job = argument;
    const int64_t end           = sluice__min(job->args->length, (task + 1) * job->block);
    for (int64_t at = task * job->block; at < end; at++) turn_position(job, at);
}

static sluice_status rotary_of(sluice_stream *stream, const sluice_rotary *args, sluice_type type) {
    if (args->head_width > SLUICE__ROTARY_WIDTH)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "heads are %" PRId64 " wide, and rotary positions go up to %d",
                            args->head_width, SLUICE__ROTARY_WIDTH);
    const int64_t stride = (args->heads + 2 * args->kv_heads) * args->head_width;
    rotary_job job       = {.args   = args,
                            .type   = type,
                            .stride = stride,
                            .block  = sluice__row_block(stride * args->samples)};
    for (int64_t i = 0; i < args->head_width / 2; i++)
        job.frequencies[i] = sluice__rotary_frequency(&args->frequencies, i, args->head_width);
    sluice__team_run(stream->device->team, sluice__blocks(args->length, job.block), rotary_task,
                     &job);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(rotary)
