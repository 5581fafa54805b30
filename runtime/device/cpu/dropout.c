/* SPDX-License-Identifier: MIT */
/* dropout.c -- the random factors of dropout, and their product with a tensor. */
#include "runtime/device/cpu/bf16.h"
#include "runtime/device/cpu/cpu.h"

/* Counters computed in parallel, as many as fit into the widest registers. */
enum { LANES = SLUICE__DRAWN / 4 };

typedef struct draw {
    uint64_t block, key; /* block: of four elements */
    uint32_t sample, step, below;
    float kept; /* 1 / (1 - rate) */
} draw;

/* Philox4x32-10 (see runtime/base/random.c) for LANES counters in a row. */
SLUICE__LOOP void draw_factors_loop(float *restrict factors, const draw *d) {
    uint32_t a[LANES], b[LANES], c[LANES], e[LANES];
    uint32_t low = (uint32_t)d->key, high = (uint32_t)(d->key >> 32);
    for (uint32_t l = 0; l < LANES; l++) {
        const uint64_t block = d->block + l;
        a[l]                 = (uint32_t)block;
        b[l]                 = d->sample;
        c[l]                 = d->step;
        e[l]                 = (uint32_t)(block >> 32);
    }
    for (int round = 0; round < 10; round++) {
        for (int l = 0; l < LANES; l++) {
            const uint64_t first  = (uint64_t)a[l] * 0xD2511F53U;
            const uint64_t second = (uint64_t)c[l] * 0xCD9E8D57U;
            a[l]                  = (uint32_t)(second >> 32) ^ b[l] ^ low;
            b[l]                  = (uint32_t)second;
            c[l]                  = (uint32_t)(first >> 32) ^ e[l] ^ high;
            e[l]                  = (uint32_t)first;
        }
        low += 0x9E3779B9U;
        high += 0xBB67AE85U;
    }
    for (int64_t l = 0; l < LANES; l++) {
        factors[4 * l]     = a[l] < d->below ? 0 : d->kept;
        factors[4 * l + 1] = b[l] < d->below ? 0 : d->kept;
        factors[4 * l + 2] = c[l] < d->below ? 0 : d->kept;
        factors[4 * l + 3] = e[l] < d->below ? 0 : d->kept;
    }
}
SLUICE__VERSIONS(draw_factors, (float *restrict factors, const draw *d), (factors, d))

void sluice__draw_factors(float *factors, const sluice_dropout *dropout, int64_t sample,
                          int64_t element) {
    const draw d = {.block  = (uint64_t)element / 4,
                    .key    = dropout->key,
                    .sample = (uint32_t)(dropout->first_sample + sample),
                    .step   = (uint32_t)dropout->step,
                    .below  = (uint32_t)((double)dropout->rate * 4294967296.0),
                    .kept   = 1 / (1 - dropout->rate)};
    draw_factors(factors, &d);
}

/* ---- y = x after dropout (+ residual) ---- */

enum { PIECE = 16 * SLUICE__DRAWN }; /* elements of one task */

SLUICE__LOOP void multiply_loop(float *y, const float *x, const float *residual,
                                const float *restrict factors, int64_t count) {
    if (residual)
        for (int64_t i = 0; i < count; i++) y[i] = residual[i] + x[i] * factors[i];
    else
        for (int64_t i = 0; i < count; i++) y[i] = x[i] * factors[i];
}
SLUICE__VERSIONS(multiply,
                 (float *y, const float *x, const float *residual, const float *restrict factors,
                  int64_t count),
                 (y, x, residual, factors, count))

typedef struct drop_job {
    const sluice_drop *args;
    sluice_type type;
} drop_job;

/* The elements from `at` on. */
static void drop_some(const drop_job *job, const float *factors, int64_t at, int64_t count) {
    const sluice_drop *const args = job->args;
    float wide[2][SLUICE__DRAWN];
    if (job->type == SLUICE_TYPE_F32) {
        multiply((float *)args->y + at, (const float *)args->x + at,
                 args->residual ? (const float *)args->residual + at : NULL, factors, count);
        return;
    }
    sluice__widen(wide[0], (const uint16_t *)args->x + at, count);
    if (args->residual) sluice__widen(wide[1], (const uint16_t *)args->residual + at, count);
    multiply(wide[0], wide[0], args->residual ? wide[1] : NULL, factors, count);
    sluice__narrow((uint16_t *)args->y + at, wide[0], count);
}

static void drop_task(const void *argument, int64_t task, int thread) {
    (void)thread;
    const drop_job *const job     = argument;
    const sluice_drop *const args = job->args;
    const int64_t pieces = sluice__blocks(args->elements, PIECE), sample = task / pieces;
    const int64_t begin = task % pieces * PIECE;
    const int64_t end   = sluice__min(args->elements, begin + PIECE);
    for (int64_t e = begin; e < end; e += SLUICE__DRAWN) {
        float factors[SLUICE__DRAWN];
        sluice__draw_factors(factors, &args->dropout, sample, e);
        drop_some(job, factors, sample * args->elements + e, sluice__min(SLUICE__DRAWN, end - e));
    }
}

static sluice_status drop_of(sluice_stream *stream, const sluice_drop *args, sluice_type type) {
    const drop_job job = {args, type};
    sluice__team_run(stream->device->team, args->samples * sluice__blocks(args->elements, PIECE),
                     drop_task, &job);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(drop)
