/* SPDX-License-Identifier: MIT */
/* head_norm.c -- RMS normalization of each query and key head of a row; values are copied. */
#include <math.h>

#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/loops.h"

/* ---- forward ---- */

SLUICE__LOOP void rows_loop(const sluice_head_norm *args, int64_t first, int64_t last) {
    const int64_t width = args->head_width, heads = args->heads, all = heads + args->kv_heads;
    const int64_t stride = (all + args->kv_heads) * width;
    for (int64_t i = first; i < last; i++) {
        for (int64_t h = 0; h < all; h++) {
            const float *const restrict gain = h < heads ? args->q_gain : args->k_gain;
            const float *const x             = (const float *)args->qkv + i * stride + h * width;
            float *const restrict y          = (float *)args->y + i * stride + h * width;
            const float rstd =
                1.0f / sqrtf(sluice__dot(x, x, width) / (float)width + args->epsilon);
            for (int64_t j = 0; j < width; j++) y[j] = x[j] * rstd * gain[j];
            args->rstd[i * all + h] = rstd;
        }
        memcpy((float *)args->y + i * stride + all * width,
               (const float *)args->qkv + i * stride + all * width,
               (size_t)(args->kv_heads * width) * sizeof(float));
    }
}
SLUICE__VERSIONS(rows, (const sluice_head_norm *args, int64_t first, int64_t last),
                 (args, first, last))

static int64_t block_of(int64_t heads, int64_t kv_heads, int64_t head_width) {
    return sluice__row_block((heads + 2 * kv_heads) * head_width);
}

static void forward_task(const void *job, int64_t task, int thread) {
    (void)thread;
    const sluice_head_norm *const args = job;
    const int64_t block                = block_of(args->heads, args->kv_heads, args->head_width);
    rows(args, task * block, sluice__min(args->rows, (task + 1) * block));
}

sluice_status sluice__cpu_head_norm(sluice_stream *stream, const sluice_head_norm *args) {
    const int64_t block = block_of(args->heads, args->kv_heads, args->head_width);
    sluice__team_run(stream->device->team, sluice__blocks(args->rows, block), forward_task, args);
    return SLUICE_OK;
}

/* ---- backward ---- */

/* In place of dy; its share of the gain's gradient is added to dgain. */
SLUICE__LOOP void backward_head(float *restrict dy, float *restrict dgain, const float *restrict x,
                                const float *restrict gain, float rstd, int64_t width) {
    for (int64_t j = 0; j < width; j++) {
        dgain[j] += dy[j] * (x[j] * rstd);
        dy[j] *= gain[j];
    }
    const float total = sluice__dot(dy, x, width) * rstd / (float)width;
    for (int64_t j = 0; j < width; j++) dy[j] = rstd * (dy[j] - x[j] * rstd * total);
}

/* Gains' partial sums of one block of rows: of queries, then of keys. */
SLUICE__LOOP void backward_rows_loop(const sluice_head_norm_backward *args, float *dq_gain,
                                     float *dk_gain, int64_t first, int64_t last) {
    const int64_t width = args->head_width, heads = args->heads, all = heads + args->kv_heads;
    const int64_t stride = (all + args->kv_heads) * width;
    memset(dq_gain, 0, (size_t)width * sizeof *dq_gain);
    memset(dk_gain, 0, (size_t)width * sizeof *dk_gain);
    for (int64_t i = first; i < last; i++)
        for (int64_t h = 0; h < all; h++) {
            const int64_t at = i * stride + h * width;
            backward_head((float *)args->dqkv + at, h < heads ? dq_gain : dk_gain,
                          (const float *)args->qkv + at, h < heads ? args->q_gain : args->k_gain,
                          args->rstd[i * all + h], width);
        }
}
SLUICE__VERSIONS(backward_rows,
                 (const sluice_head_norm_backward *args, float *dq_gain, float *dk_gain,
                  int64_t first, int64_t last),
                 (args, dq_gain, dk_gain, first, last))

/* scratch: the blocks' shares of the queries' gain, then those of the keys' */
static float *key_partials(const sluice_head_norm_backward *args) {
    return (float *)args->scratch +
           sluice__blocks(args->rows, SLUICE__COLUMN_SUM_ROWS) * args->head_width;
}

static void backward_task(const void *job, int64_t task, int thread) {
    (void)thread;
    const sluice_head_norm_backward *const args = job;
    const int64_t first = task * SLUICE__COLUMN_SUM_ROWS, at = task * args->head_width;
    backward_rows(args, (float *)args->scratch + at, key_partials(args) + at, first,
                  sluice__min(args->rows, first + SLUICE__COLUMN_SUM_ROWS));
}

sluice_status sluice__cpu_head_norm_backward(sluice_stream *stream,
                                             const sluice_head_norm_backward *args) {
    const int64_t blocks = sluice__blocks(args->rows, SLUICE__COLUMN_SUM_ROWS);
    sluice__team_run(stream->device->team, blocks, backward_task, args);
    sluice__add_partials(stream->device, args->dq_gain, args->scratch, blocks, args->head_width,
                         args->first_write);
    sluice__add_partials(stream->device, args->dk_gain, key_partials(args), blocks,
                         args->head_width, args->first_write);
    return SLUICE_OK;
}
