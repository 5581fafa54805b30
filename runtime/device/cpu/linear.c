/* SPDX-License-Identifier: MIT */
/* linear.c -- matrix products of layers, with what follows them done tile by tile. */
#include "runtime/base/error.h"
#include "runtime/device/arguments.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/tile.h"
#include "runtime/device/cpu/turn.h"
#include "runtime/device/cpu/vexp.h"
#include "runtime/device/linear_products.h"

/* ---- matmul ---- */

sluice_status sluice__cpu_matmul(sluice_stream *stream, const sluice_matmul *args) {
    const sluice__tiled tiled = sluice__cut(stream->device, args);
    sluice__multiply_tiles(&tiled);
    return SLUICE_OK;
}

/* ---- forward ---- */

typedef struct linear_job {
    const sluice_linear *args;
    sluice__tiled tiled;
} linear_job;

/* What is done to a whole tile is one loop over its rows: the constants of a row's loop are loaded
 * once. `stride` is between rows of the tensor. */

/* y = b + residual, each where given; y == residual is allowed. */
SLUICE__LOOP void start_tile_loop(float *y, const float *b, const float *residual, int64_t stride,
                                  int64_t rows, int64_t columns) {
    for (int64_t at = 0; at < rows * stride; at += stride)
        if (b && residual)
            for (int64_t j = 0; j < columns; j++) y[at + j] = residual[at + j] + b[j];
        else if (b)
            memcpy(y + at, b, (size_t)columns * sizeof *y);
        else if (y != residual)
            memcpy(y + at, residual + at, (size_t)columns * sizeof *y);
}
SLUICE__VERSIONS(start_tile,
                 (float *y, const float *b, const float *residual, int64_t stride, int64_t rows,
                  int64_t columns),
                 (y, b, residual, stride, rows, columns))

SLUICE__LOOP void gelu_tile_loop(float *restrict gelu, const float *restrict y, int64_t stride,
                                 int64_t rows, int64_t columns) {
    for (int64_t at = 0; at < rows * stride; at += stride)
        for (int64_t j = 0; j < columns; j++) gelu[at + j] = sluice__gelu(y[at + j]);
}
SLUICE__VERSIONS(gelu_tile,
                 (float *restrict gelu, const float *restrict y, int64_t stride, int64_t rows,
                  int64_t columns),
                 (gelu, y, stride, rows, columns))

/* y holds what is added to the product before the product, so that y may be the residual. */
static void linear_task(const void *argument, int64_t task, int thread) {
    const linear_job *const job     = argument;
    const sluice_linear *const args = job->args;
    const sluice__tile tile         = sluice__tile_at(&job->tiled, task);
    float *const y = args->y, *const activated = args->activated;
    const float *const bias = args->b, *const residual = args->residual;
    const int64_t first = tile.row * args->outputs + tile.column;
    if (bias || residual)
        start_tile(y + first, bias ? bias + tile.column : NULL, residual ? residual + first : NULL,
                   args->outputs, tile.rows, tile.columns);
    sluice__multiply_tile(&job->tiled, &tile, thread);
    if (activated) gelu_tile(activated + first, y + first, args->outputs, tile.rows, tile.columns);
}

sluice_status sluice__cpu_linear(sluice_stream *stream, const sluice_linear *args) {
    SLUICE__TRY(sluice__check_activation(args->activated, args->activation));
    const sluice_matmul product = sluice__linear_product(args, args->b || args->residual);
    const linear_job job        = {args, sluice__cut(stream->device, &product)};
    sluice__team_run(stream->device->team, job.tiled.count, linear_task, &job);
    return SLUICE_OK;
}

/* ---- gradient of the input ---- */

typedef struct input_job {
    const sluice_linear_backward_input *args;
    sluice__tiled tiled;
} input_job;

SLUICE__LOOP void times_slope_loop(float *restrict dx, const float *restrict before, int64_t stride,
                                   int64_t rows, int64_t columns) {
    for (int64_t at = 0; at < rows * stride; at += stride)
        for (int64_t j = 0; j < columns; j++) dx[at + j] *= sluice__gelu_slope(before[at + j]);
}
SLUICE__VERSIONS(times_slope,
                 (float *restrict dx, const float *restrict before, int64_t stride, int64_t rows,
                  int64_t columns),
                 (dx, before, stride, rows, columns))

static void input_task(const void *argument, int64_t task, int thread) {
    const input_job *const job                     = argument;
    const sluice_linear_backward_input *const args = job->args;
    const sluice__tile tile                        = sluice__tile_at(&job->tiled, task);
    sluice__multiply_tile(&job->tiled, &tile, thread);
    float *const dx           = args->dx;
    const float *const before = args->before_activation;
    const int64_t first       = tile.row * args->inputs + tile.column;
    if (before) times_slope(dx + first, before + first, args->inputs, tile.rows, tile.columns);
}

sluice_status sluice__cpu_linear_backward_input(sluice_stream *stream,
                                                const sluice_linear_backward_input *args) {
    SLUICE__TRY(sluice__check_activation(args->before_activation, args->activation));
    const sluice_matmul product = sluice__linear_input_product(args);
    const input_job job         = {args, sluice__cut(stream->device, &product)};
    sluice__team_run(stream->device->team, job.tiled.count, input_task, &job);
    return SLUICE_OK;
}

/* ---- gradients of weight and bias ---- */

typedef struct weight_job {
    const sluice_linear_backward_weight *args;
    sluice__tiled tiled;
} weight_job;

SLUICE__LOOP void add_rows_loop(float *restrict sum, const float *restrict rows, int64_t count,
                                int64_t columns) {
    memcpy(sum, rows, (size_t)columns * sizeof *sum);
    for (int64_t i = 1; i < count; i++)
        for (int64_t j = 0; j < columns; j++) sum[j] += rows[i * columns + j];
}
SLUICE__VERSIONS(add_rows,
                 (float *restrict sum, const float *restrict rows, int64_t count, int64_t columns),
                 (sum, rows, count, columns))

/* The tasks after the tiles sum blocks of rows for the bias. */
static void weight_task(const void *argument, int64_t task, int thread) {
    const weight_job *const job                     = argument;
    const sluice_linear_backward_weight *const args = job->args;
    if (task < job->tiled.count) {
        const sluice__tile tile = sluice__tile_at(&job->tiled, task);
        sluice__multiply_tile(&job->tiled, &tile, thread);
        return;
    }
    const int64_t block = task - job->tiled.count, first = block * SLUICE__COLUMN_SUM_ROWS;
    add_rows((float *)args->scratch + block * args->outputs,
             (const float *)args->dy + first * args->outputs,
             sluice__min(SLUICE__COLUMN_SUM_ROWS, args->rows - first), args->outputs);
}

sluice_status sluice__cpu_linear_backward_weight(sluice_stream *stream,
                                                 const sluice_linear_backward_weight *args) {
    const sluice_matmul product = sluice__linear_weight_product(args);
    weight_job job              = {args, {.count = 0}};
    if (sluice__turns(&product))
        sluice__multiply_turned(stream->device, &product);
    else
        job.tiled = sluice__cut(stream->device, &product);
    const int64_t blocks = args->db ? sluice__blocks(args->rows, SLUICE__COLUMN_SUM_ROWS) : 0;
    sluice__team_run(stream->device->team, job.tiled.count + blocks, weight_task, &job);
    if (args->db)
        sluice__add_partials(stream->device, args->db, args->scratch, blocks, args->outputs,
                             args->first_write);
    return SLUICE_OK;
}
