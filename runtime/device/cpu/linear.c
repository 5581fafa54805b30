/* SPDX-License-Identifier: MIT */
/* linear.c -- matrix products of layers, with what follows them done tile by tile. */
#include "runtime/base/error.h"
#include "runtime/device/arguments.h"
#include "runtime/device/cpu/bf16.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/tile.h"
#include "runtime/device/cpu/turn.h"
#include "runtime/device/cpu/vexp.h"
#include "runtime/device/linear_products.h"

/* A tile of the result; `stride`: of the tensor's rows. */
static sluice__result tile_of(const sluice__tiled *tiled, const sluice__tile *tile, void *tensor,
                              int64_t stride, int thread) {
    return sluice__result_in(tensor, tiled->type, tile->row * stride + tile->column, stride,
                             sluice__results(tiled->device, thread), tile->columns);
}

/* ---- matmul ---- */

static void matmul_task(const void *tiled_, int64_t task, int thread) {
    const sluice__tiled *const tiled = tiled_;
    const sluice__tile tile          = sluice__tile_at(tiled, task);
    const sluice__result c = tile_of(tiled, &tile, tiled->whole.c, tiled->whole.c_stride, thread);
    if (c.bf16 && tiled->whole.beta != 0)
        sluice__widen_rows(c.at, c.stride, c.bf16, c.bf16_stride, tile.rows, tile.columns);
    sluice__multiply_tile_to(c.at, c.stride, tiled, &tile, thread);
    sluice__put(&c, tile.rows, tile.columns);
}

static sluice_status matmul_of(sluice_stream *stream, const sluice_matmul *args, sluice_type type) {
    const sluice__tiled tiled = sluice__cut(stream->device, args, type);
    sluice__team_run(stream->device->team, tiled.count, matmul_task, &tiled);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(matmul)

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

/* y = b + residual, which are bf16. */
static void start_widened(const sluice__result *y, const sluice_linear *args,
                          const sluice__tile *tile) {
    float bias[SLUICE__TILE_COLUMNS];
    const uint16_t *const residual = args->residual;
    if (residual)
        sluice__widen_rows(y->at, y->stride, residual + tile->row * args->outputs + tile->column,
                           args->outputs, tile->rows, tile->columns);
    if (!args->b) return;
    sluice__widen(bias, (const uint16_t *)args->b + tile->column, tile->columns);
    for (int64_t i = 0; i < tile->rows; i++) {
        float *const row = y->at + i * y->stride;
        for (int64_t j = 0; j < tile->columns; j++) row[j] = (residual ? row[j] : 0) + bias[j];
    }
}

/* y holds what is added to the product before the product, so that y may be the residual. */
static void start(const sluice__result *y, const sluice_linear *args, const sluice__tile *tile) {
    const float *const bias = args->b, *const residual = args->residual;
    if (y->bf16)
        start_widened(y, args, tile);
    else
        start_tile(y->at, bias ? bias + tile->column : NULL,
                   residual ? residual + tile->row * y->stride + tile->column : NULL, y->stride,
                   tile->rows, tile->columns);
}

/* Of y as it is stored. */
static void activate(const sluice__result *y, const sluice_linear *args, const sluice__tile *tile) {
    const int64_t first = tile->row * args->outputs + tile->column;
    if (!y->bf16) {
        gelu_tile((float *)args->activated + first, y->at, y->stride, tile->rows, tile->columns);
        return;
    }
    for (int64_t i = 0; i < tile->rows; i++) {
        float stored[SLUICE__TILE_COLUMNS], row[SLUICE__TILE_COLUMNS];
        sluice__widen(stored, y->bf16 + i * y->bf16_stride, tile->columns);
        gelu_tile(row, stored, tile->columns, 1, tile->columns);
        sluice__narrow((uint16_t *)args->activated + first + i * args->outputs, row, tile->columns);
    }
}

static void linear_task(const void *argument, int64_t task, int thread) {
    const linear_job *const job     = argument;
    const sluice_linear *const args = job->args;
    const sluice__tile tile         = sluice__tile_at(&job->tiled, task);
    const sluice__result y          = tile_of(&job->tiled, &tile, args->y, args->outputs, thread);
    if (args->b || args->residual) start(&y, args, &tile);
    sluice__multiply_tile_to(y.at, y.stride, &job->tiled, &tile, thread);
    sluice__put(&y, tile.rows, tile.columns);
    if (args->activated) activate(&y, args, &tile);
}

static sluice_status linear_of(sluice_stream *stream, const sluice_linear *args, sluice_type type) {
    SLUICE__TRY(sluice__check_activation(args->activated, args->activation));
    const sluice_matmul product = sluice__linear_product(args, args->b || args->residual);
    const linear_job job        = {args, sluice__cut(stream->device, &product, type)};
    sluice__team_run(stream->device->team, job.tiled.count, linear_task, &job);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(linear)

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

static void multiply_by_slopes(const sluice__result *dx, const sluice_linear_backward_input *args,
                               const sluice__tile *tile) {
    const int64_t first = tile->row * args->inputs + tile->column;
    if (!dx->bf16) {
        times_slope(dx->at, (const float *)args->before_activation + first, dx->stride, tile->rows,
                    tile->columns);
        return;
    }
    for (int64_t i = 0; i < tile->rows; i++) {
        float before[SLUICE__TILE_COLUMNS];
        sluice__widen(before, (const uint16_t *)args->before_activation + first + i * args->inputs,
                      tile->columns);
        times_slope(dx->at + i * dx->stride, before, tile->columns, 1, tile->columns);
    }
}

static void input_task(const void *argument, int64_t task, int thread) {
    const input_job *const job                     = argument;
    const sluice_linear_backward_input *const args = job->args;
    const sluice__tile tile                        = sluice__tile_at(&job->tiled, task);
    const sluice__result dx = tile_of(&job->tiled, &tile, args->dx, args->inputs, thread);
    sluice__multiply_tile_to(dx.at, dx.stride, &job->tiled, &tile, thread);
    if (args->before_activation) multiply_by_slopes(&dx, args, &tile);
    sluice__put(&dx, tile.rows, tile.columns);
}

static sluice_status linear_backward_input_of(sluice_stream *stream,
                                              const sluice_linear_backward_input *args,
                                              sluice_type type) {
    SLUICE__TRY(sluice__check_activation(args->before_activation, args->activation));
    const sluice_matmul product = sluice__linear_input_product(args);
    const input_job job         = {args, sluice__cut(stream->device, &product, type)};
    sluice__team_run(stream->device->team, job.tiled.count, input_task, &job);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(linear_backward_input)

/* ---- gradients of weight and bias ---- */

typedef struct weight_job {
    const sluice_linear_backward_weight *args;
    sluice_type type;
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

SLUICE__LOOP void add_bf16_rows_loop(float *restrict sum, const uint16_t *restrict rows,
                                     int64_t count, int64_t columns) {
    for (int64_t j = 0; j < columns; j++) sum[j] = sluice__float_of(rows[j]);
    for (int64_t i = 1; i < count; i++)
        for (int64_t j = 0; j < columns; j++) sum[j] += sluice__float_of(rows[i * columns + j]);
}
SLUICE__VERSIONS(add_bf16_rows,
                 (float *restrict sum, const uint16_t *restrict rows, int64_t count,
                  int64_t columns),
                 (sum, rows, count, columns))

/* A block of rows of dy, summed for the bias. */
static void sum_block(const weight_job *job, int64_t block) {
    const sluice_linear_backward_weight *const args = job->args;
    const int64_t first = block * SLUICE__COLUMN_SUM_ROWS, at = first * args->outputs;
    const int64_t rows = sluice__min(SLUICE__COLUMN_SUM_ROWS, args->rows - first);
    float *const sum   = (float *)args->scratch + block * args->outputs;
    if (job->type == SLUICE_TYPE_BF16)
        add_bf16_rows(sum, (const uint16_t *)args->dy + at, rows, args->outputs);
    else
        add_rows(sum, (const float *)args->dy + at, rows, args->outputs);
}

/* The tasks after the tiles sum blocks of rows for the bias. */
static void weight_task(const void *argument, int64_t task, int thread) {
    const weight_job *const job = argument;
    if (task < job->tiled.count) {
        const sluice__tile tile = sluice__tile_at(&job->tiled, task);
        sluice__multiply_tile(&job->tiled, &tile, thread);
    } else {
        sum_block(job, task - job->tiled.count);
    }
}

/* Blocks of bf16 are turned as they become floats. */
static sluice_status linear_backward_weight_of(sluice_stream *stream,
                                               const sluice_linear_backward_weight *args,
                                               sluice_type type) {
    const sluice_matmul product = sluice__linear_weight_product(args);
    weight_job job              = {args, type, {.count = 0}};
    if (type == SLUICE_TYPE_F32 && sluice__turns(&product))
        sluice__multiply_turned(stream->device, &product);
    else
        job.tiled = sluice__cut(stream->device, &product, type);
    const int64_t blocks = args->db ? sluice__blocks(args->rows, SLUICE__COLUMN_SUM_ROWS) : 0;
    sluice__team_run(stream->device->team, job.tiled.count + blocks, weight_task, &job);
    if (args->db)
        sluice__add_partials(stream->device, args->db, args->scratch, blocks, args->outputs,
                             args->first_write);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(linear_backward_weight)
