/* SPDX-License-Identifier: MIT */
/* norm.c -- layer and RMS normalization over the last dimension, row by row: RMS is the layernorm
 * with a mean of 0. */
#include <math.h>

#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/loops.h"

/* ---- forward ---- */

SLUICE__LOOP float squared_distance(const float *x, float from, int64_t count) {
    sluice__lanes even = {0}, odd = {0}, a, b;
    int64_t i = 0;
    for (; i + SLUICE__PAIR <= count; i += SLUICE__PAIR) {
        sluice__load(&a, x + i);
        sluice__load(&b, x + i + SLUICE__LANES);
        a -= from;
        b -= from;
        even += a * a;
        odd += b * b;
    }
    even += odd;
    float total = sluice__add_lanes(&even);
    for (; i < count; i++) total += (x[i] - from) * (x[i] - from);
    return total;
}

SLUICE__LOOP void rows_loop(const sluice_norm *args, int64_t first, int64_t last) {
    const int64_t width              = args->width;
    const bool centred               = args->kind == SLUICE_NORM_LAYERNORM;
    const float *const restrict gain = args->gain, *const restrict bias = args->bias;
    for (int64_t i = first; i < last; i++) {
        const float *const x    = (const float *)args->x + i * width;
        float *const restrict y = (float *)args->y + i * width;
        const float mean        = centred ? sluice__sum(x, width) / (float)width : 0;
        const float variance    = squared_distance(x, mean, width) / (float)width;
        const float rstd        = 1.0f / sqrtf(variance + args->epsilon);
        if (bias)
            for (int64_t j = 0; j < width; j++) y[j] = (x[j] - mean) * rstd * gain[j] + bias[j];
        else
            for (int64_t j = 0; j < width; j++) y[j] = (x[j] - mean) * rstd * gain[j];
        if (centred) args->mean[i] = mean;
        args->rstd[i] = rstd;
    }
}
SLUICE__VERSIONS(rows, (const sluice_norm *args, int64_t first, int64_t last), (args, first, last))

static void forward_task(const void *job, int64_t task, int thread) {
    (void)thread;
    const sluice_norm *const args = job;
    const int64_t block           = sluice__row_block(args->width);
    rows(args, task * block, sluice__min(args->rows, (task + 1) * block));
}

sluice_status sluice__cpu_norm(sluice_stream *stream, const sluice_norm *args) {
    sluice__team_run(stream->device->team,
                     sluice__blocks(args->rows, sluice__row_block(args->width)), forward_task,
                     args);
    return SLUICE_OK;
}

/* ---- backward ---- */

/* The sums over a row of g = dy * gain and of g * normalized x. */
SLUICE__LOOP void row_sums(float *sum, float *dot, const float *dy, const float *gain,
                           const float *x, float mean, float rstd, int64_t count) {
    sluice__lanes sums = {0}, dots = {0}, g, w, v;
    int64_t i = 0;
    for (; i + SLUICE__LANES <= count; i += SLUICE__LANES) {
        sluice__load(&g, dy + i);
        sluice__load(&w, gain + i);
        sluice__load(&v, x + i);
        g *= w;
        sums += g;
        dots += g * ((v - mean) * rstd);
    }
    *sum = sluice__add_lanes(&sums);
    *dot = sluice__add_lanes(&dots);
    for (; i < count; i++) {
        const float tail = dy[i] * gain[i];
        *sum += tail;
        *dot += tail * ((x[i] - mean) * rstd);
    }
}

/* Add a row's share of the gradients to dgain and, if given, dbias. */
SLUICE__LOOP void add_row(float *restrict dgain, float *restrict dbias, const float *restrict dy,
                          const float *restrict x, float mean, float rstd, int64_t width) {
    for (int64_t j = 0; j < width; j++) dgain[j] += dy[j] * ((x[j] - mean) * rstd);
    if (dbias)
        for (int64_t j = 0; j < width; j++) dbias[j] += dy[j];
}

SLUICE__LOOP void backward_row(const sluice_norm_backward *args, float *dgain, float *dbias,
                               int64_t i) {
    const int64_t width              = args->width;
    const bool centred               = args->kind == SLUICE_NORM_LAYERNORM;
    const float *const restrict dy   = (const float *)args->dy + i * width;
    const float *const restrict x    = (const float *)args->x + i * width;
    const float *const restrict gain = args->gain;
    const float *const residual = args->residual ? (const float *)args->residual + i * width : NULL;
    const float mean = centred ? args->mean[i] : 0, rstd = args->rstd[i];
    float sum, dot;
    add_row(dgain, dbias, dy, x, mean, rstd, width);
    if (!args->dx) return;
    float *const dx = (float *)args->dx + i * width; /* may be the residual */
    row_sums(&sum, &dot, dy, gain, x, mean, rstd, width);
    sum = centred ? sum / (float)width : 0;
    dot /= (float)width;
    if (residual)
        for (int64_t j = 0; j < width; j++)
            dx[j] = residual[j] + rstd * (dy[j] * gain[j] - sum - (x[j] - mean) * rstd * dot);
    else
        for (int64_t j = 0; j < width; j++)
            dx[j] = rstd * (dy[j] * gain[j] - sum - (x[j] - mean) * rstd * dot);
}

SLUICE__LOOP void backward_rows_loop(const sluice_norm_backward *args, float *dgain, float *dbias,
                                     int64_t first, int64_t last) {
    memset(dgain, 0, (size_t)args->width * sizeof *dgain);
    if (dbias) memset(dbias, 0, (size_t)args->width * sizeof *dbias);
    for (int64_t i = first; i < last; i++) backward_row(args, dgain, dbias, i);
}
SLUICE__VERSIONS(backward_rows,
                 (const sluice_norm_backward *args, float *dgain, float *dbias, int64_t first,
                  int64_t last),
                 (args, dgain, dbias, first, last))

/* scratch: the blocks' shares of dgain, then those of dbias */
static float *dbias_partials(const sluice_norm_backward *args) {
    return (float *)args->scratch +
           sluice__blocks(args->rows, SLUICE__COLUMN_SUM_ROWS) * args->width;
}

static void backward_task(const void *job, int64_t task, int thread) {
    (void)thread;
    const sluice_norm_backward *const args = job;
    const int64_t first                    = task * SLUICE__COLUMN_SUM_ROWS;
    backward_rows(args, (float *)args->scratch + task * args->width,
                  args->dbias ? dbias_partials(args) + task * args->width : NULL, first,
                  sluice__min(args->rows, first + SLUICE__COLUMN_SUM_ROWS));
}

sluice_status sluice__cpu_norm_backward(sluice_stream *stream, const sluice_norm_backward *args) {
    const int64_t blocks = sluice__blocks(args->rows, SLUICE__COLUMN_SUM_ROWS);
    sluice__team_run(stream->device->team, blocks, backward_task, args);
    sluice__add_partials(stream->device, args->dgain, args->scratch, blocks, args->width,
                         args->first_write);
    if (args->dbias)
        sluice__add_partials(stream->device, args->dbias, dbias_partials(args), blocks, args->width,
                             args->first_write);
    return SLUICE_OK;
}
