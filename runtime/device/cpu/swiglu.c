/* SPDX-License-Identifier: MIT */
/* swiglu.c -- the product of a gate and what goes through it, and its gradient, row by row. */
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/vexp.h"

SLUICE__LOOP void gate_rows_loop(float *restrict y, const float *restrict x, int64_t rows,
                                 int64_t hidden) {
    for (int64_t i = 0; i < rows; i++) {
        const float *const gate = x + 2 * i * hidden, *const up = gate + hidden;
        for (int64_t j = 0; j < hidden; j++)
            y[i * hidden + j] = gate[j] * sluice__sigmoid(gate[j]) * up[j];
    }
}
SLUICE__VERSIONS(gate_rows,
                 (float *restrict y, const float *restrict x, int64_t rows, int64_t hidden),
                 (y, x, rows, hidden))

static void forward_task(const void *job, int64_t task, int thread) {
    (void)thread;
    const sluice_swiglu *const args = job;
    const int64_t block = sluice__row_block(args->hidden), first = task * block;
    gate_rows((float *)args->y + first * args->hidden,
              (const float *)args->x + 2 * first * args->hidden,
              sluice__min(block, args->rows - first), args->hidden);
}

sluice_status sluice__cpu_swiglu(sluice_stream *stream, const sluice_swiglu *args) {
    sluice__team_run(stream->device->team,
                     sluice__blocks(args->rows, sluice__row_block(args->hidden)), forward_task,
                     args);
    return SLUICE_OK;
}

/* With s the sigmoid of the gate: the slope of gate * s is s + gate * s * (1 - s). */
SLUICE__LOOP void slope_rows_loop(float *restrict dx, const float *restrict dy,
                                  const float *restrict x, int64_t rows, int64_t hidden) {
    for (int64_t i = 0; i < rows; i++) {
        const float *const gate = x + 2 * i * hidden, *const up = gate + hidden;
        float *const restrict dgate = dx + 2 * i * hidden, *const restrict dup = dgate + hidden;
        for (int64_t j = 0; j < hidden; j++) {
            const float s = sluice__sigmoid(gate[j]), silu = gate[j] * s;
            dgate[j] = dy[i * hidden + j] * up[j] * (s + silu * (1.0f - s));
            dup[j]   = dy[i * hidden + j] * silu;
        }
    }
}
SLUICE__VERSIONS(slope_rows,
                 (float *restrict dx, const float *restrict dy, const float *restrict x,
                  int64_t rows, int64_t hidden),
                 (dx, dy, x, rows, hidden))

static void backward_task(const void *job, int64_t task, int thread) {
    (void)thread;
    const sluice_swiglu_backward *const args = job;
    const int64_t block = sluice__row_block(args->hidden), first = task * block;
    slope_rows((float *)args->dx + 2 * first * args->hidden,
               (const float *)args->dy + first * args->hidden,
               (const float *)args->x + 2 * first * args->hidden,
               sluice__min(block, args->rows - first), args->hidden);
}

sluice_status sluice__cpu_swiglu_backward(sluice_stream *stream,
                                          const sluice_swiglu_backward *args) {
    sluice__team_run(stream->device->team,
                     sluice__blocks(args->rows, sluice__row_block(args->hidden)), backward_task,
                     args);
    return SLUICE_OK;
}
