/* SPDX-License-Identifier: MIT */
/*
 * attention.c -- causal self-attention in blocks of queries and keys.
 *
 * Scores exist for one (block, block) pair at a time, in the thread's workspace. Forward keeps a
 * running maximum m and sum l per query; what was added to `out` under a smaller maximum is scaled
 * down when a larger one appears. Backward recomputes the probabilities from lse; a task is all
 * query heads that share a key and value head, whose gradients it adds up in their order.
 */
#include <math.h>

#include "runtime/device/arguments.h"
#include "runtime/device/cpu/blas.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/vexp.h"

enum { BLOCK = SLUICE__ATTENTION_BLOCK };
_Static_assert((int)BLOCK == (int)SLUICE__DRAWN, "a row of a block draws its factors at once");

/* One head of one sample: where its tensors begin, and the strides between positions. */
typedef struct head {
    const float *q, *k, *v;
    int64_t in_stride, out_stride; /* of qkv and dqkv; of out and dout */
    int64_t out, lse;              /* offsets of the head's first element */
    int64_t length, width;
    float scale;
    const sluice_dropout *dropout; /* NULL: none */
    int64_t sample, number;        /* of the head in its sample */
} head;

/* What an attention and its gradient have in common. */
typedef struct layout {
    const float *qkv;
    int64_t length, heads, kv_heads, width;
    const sluice_dropout *dropout;
} layout;

/* Query head `index` of all samples' heads. */
static head head_at(const layout *l, int64_t index) {
    const int64_t sample = index / l->heads, h = index % l->heads, all = l->heads * l->width;
    const int64_t kv = h / (l->heads / l->kv_heads), all_kv = l->kv_heads * l->width;
    const int64_t stride   = all + 2 * all_kv;
    const float *const row = l->qkv + sample * l->length * stride;
    return (head){.q          = row + h * l->width,
                  .k          = row + all + kv * l->width,
                  .v          = row + all + all_kv + kv * l->width,
                  .in_stride  = stride,
                  .out_stride = all,
                  .out        = sample * l->length * all + h * l->width,
                  .lse        = index * l->length,
                  .length     = l->length,
                  .width      = l->width,
                  .scale      = 1.0f / sqrtf((float)l->width),
                  .dropout    = l->dropout->rate > 0 ? l->dropout : NULL,
                  .sample     = sample,
                  .number     = h};
}

SLUICE__LOOP void multiply_row_loop(float *restrict row, const float *restrict factors,
                                    int64_t count) {
    for (int64_t j = 0; j < count; j++) row[j] *= factors[j];
}
SLUICE__VERSIONS(multiply_row, (float *restrict row, const float *restrict factors, int64_t count),
                 (row, factors, count))

/* The factors of dropout for the probabilities of `query` with the block of keys from `key` on. */
static void draw_row(float factors[BLOCK], const head *h, int64_t query, int64_t key) {
    const int64_t row = (h->length + 3) / 4 * 4;
    sluice__draw_factors(factors, h->dropout, h->sample,
                         (h->number * h->length + query) * row + key);
}

/* scores (queries, keys) = a b^T: rows of `a` from query on, rows of `b` from key on. */
static void score(float *scores, const float *a, int64_t a_stride, int64_t queries, const float *b,
                  int64_t b_stride, int64_t keys, int64_t width) {
    const sluice__product product = {.c           = scores,
                                     .a           = a,
                                     .b           = b,
                                     .rows        = queries,
                                     .columns     = keys,
                                     .inner       = width,
                                     .c_stride    = BLOCK,
                                     .a_stride    = a_stride,
                                     .b_stride    = b_stride,
                                     .alpha       = 1,
                                     .transpose_b = true};
    sluice__multiply(&product);
}

/* ---- forward ---- */

/* Row of scores to exponentials under the larger of the maxima; the first `seen` keys count. */
SLUICE__LOOP void soften_row_loop(float *row, float *largest, float *sum, float *shrink,
                                  float scale, int64_t seen, int64_t keys) {
    const float top = sluice__max(row, seen) * scale, before = *largest;
    const float now = top > before ? top : before;
    for (int64_t j = 0; j < seen; j++) row[j] = sluice__exp(row[j] * scale - now);
    for (int64_t j = seen; j < keys; j++) row[j] = 0;
    *shrink  = sluice__exp(before - now);
    *sum     = *sum * *shrink + sluice__sum(row, seen);
    *largest = now;
}
SLUICE__VERSIONS(soften_row,
                 (float *row, float *largest, float *sum, float *shrink, float scale, int64_t seen,
                  int64_t keys),
                 (row, largest, sum, shrink, scale, seen, keys))

/* Add keys key .. key + keys - 1 to the running result of queries query .. query + queries - 1. */
static void add_keys(const head *h, float *out, float *scores, float *largest, float *sum,
                     int64_t query, int64_t queries, int64_t key) {
    const int64_t keys = sluice__min(BLOCK, h->length - key);
    score(scores, h->q + query * h->in_stride, h->in_stride, queries, h->k + key * h->in_stride,
          h->in_stride, keys, h->width);
    for (int64_t i = 0; i < queries; i++) {
        float shrink;
        soften_row(scores + i * BLOCK, &largest[i], &sum[i], &shrink, h->scale,
                   sluice__min(keys, query + i - key + 1), keys);
        if (h->dropout) {
            float factors[BLOCK];
            draw_row(factors, h, query + i, key);
            multiply_row(scores + i * BLOCK, factors, keys);
        }
        if (key > 0) sluice__scale(out + i * h->out_stride, shrink, h->width);
    }
    const sluice__product product = {.c        = out,
                                     .a        = scores,
                                     .b        = h->v + key * h->in_stride,
                                     .rows     = queries,
                                     .columns  = h->width,
                                     .inner    = keys,
                                     .c_stride = h->out_stride,
                                     .a_stride = BLOCK,
                                     .b_stride = h->in_stride,
                                     .alpha    = 1,
                                     .beta     = key > 0 ? 1.0f : 0.0f};
    sluice__multiply(&product);
}

typedef struct forward_job {
    const sluice_attention *args;
    layout layout;
    float *workspaces;
    int64_t blocks; /* of queries per head */
} forward_job;

static void forward_task(const void *argument, int64_t task, int thread) {
    const forward_job *const job       = argument;
    const sluice_attention *const args = job->args;
    const head h                       = head_at(&job->layout, task / job->blocks);
    const int64_t query                = task % job->blocks * BLOCK;
    const int64_t queries              = sluice__min(BLOCK, h.length - query);
    float *const out                   = (float *)args->out + h.out + query * h.out_stride;
    float largest[BLOCK], sum[BLOCK];
    for (int64_t i = 0; i < queries; i++) largest[i] = -3e38f, sum[i] = 0;
    for (int64_t key = 0; key <= query; key += BLOCK)
        add_keys(&h, out, job->workspaces + (int64_t)thread * SLUICE__WORKSPACE, largest, sum,
                 query, queries, key);
    for (int64_t i = 0; i < queries; i++) {
        sluice__scale(out + i * h.out_stride, 1.0f / sum[i], h.width);
        args->lse[h.lse + query + i] = largest[i] + logf(sum[i]);
    }
}

sluice_status sluice__cpu_attention(sluice_stream *stream, const sluice_attention *args) {
    SLUICE__TRY(sluice__check_rotary(args->rotary_base));
    sluice_device *const device = stream->device;
    const forward_job job       = {
              args,
              {args->qkv, args->length, args->heads, args->kv_heads, args->head_width, &args->dropout},
              device->workspaces,
              sluice__blocks(args->length, BLOCK)};
    sluice__team_run(device->team, args->samples * args->heads * job.blocks, forward_task, &job);
    return SLUICE_OK;
}

/* ---- backward ---- */

/* p = exp(scores scale - lse), ds = p (dp - delta) scale, both 0 for the keys not `seen`. */
SLUICE__LOOP void slopes_row_loop(float *restrict p, float *restrict ds, float lse, float delta,
                                  float scale, int64_t seen, int64_t keys) {
    for (int64_t j = 0; j < seen; j++) {
        const float probability = sluice__exp(p[j] * scale - lse);
        p[j]                    = probability;
        ds[j]                   = probability * (ds[j] - delta) * scale;
    }
    for (int64_t j = seen; j < keys; j++) p[j] = ds[j] = 0;
}
SLUICE__VERSIONS(slopes_row,
                 (float *restrict p, float *restrict ds, float lse, float delta, float scale,
                  int64_t seen, int64_t keys),
                 (p, ds, lse, delta, scale, seen, keys))

SLUICE__LOOP void dot_row_loop(float *restrict out, const float *restrict a,
                               const float *restrict b, int64_t count) {
    sluice__lanes total = {0}, x, y;
    int64_t i           = 0;
    for (; i + SLUICE__LANES <= count; i += SLUICE__LANES) {
        sluice__load(&x, a + i);
        sluice__load(&y, b + i);
        total += x * y;
    }
    float sum = sluice__add_lanes(&total);
    for (; i < count; i++) sum += a[i] * b[i];
    *out = sum;
}
SLUICE__VERSIONS(dot_row,
                 (float *restrict out, const float *restrict a, const float *restrict b,
                  int64_t count),
                 (out, a, b, count))

typedef struct backward_job {
    const sluice_attention_backward *args;
    layout layout;
    float *workspaces;
} backward_job;

/* A head's gradients begin in dqkv where its q, k, v begin in qkv. */
typedef struct gradients {
    float *dq, *dk, *dv;
    const float *dout, *lse, *delta;
    bool first_write; /* of dk and dv: another query head has not begun them */
} gradients;

/* to (+)= op(a) b, with `a` a block of the workspace. */
static void add_product(float *to, const float *a, bool transpose, int64_t rows, int64_t inner,
                        const float *b, int64_t b_stride, const head *h, bool first_write) {
    const sluice__product product = {.c           = to,
                                     .a           = a,
                                     .b           = b,
                                     .rows        = rows,
                                     .columns     = h->width,
                                     .inner       = inner,
                                     .c_stride    = h->in_stride,
                                     .a_stride    = BLOCK,
                                     .b_stride    = b_stride,
                                     .alpha       = 1,
                                     .beta        = first_write ? 0.0f : 1.0f,
                                     .transpose_a = transpose};
    sluice__multiply(&product);
}

static void backward_pair(const head *h, const gradients *g, float *workspace, int64_t query,
                          int64_t key) {
    const int64_t queries   = sluice__min(BLOCK, h->length - query),
                  keys      = sluice__min(BLOCK, h->length - key);
    const float *const q    = h->q + query * h->in_stride;
    const float *const k    = h->k + key * h->in_stride;
    const float *const dout = g->dout + query * h->out_stride;
    float *const p = workspace, *const ds = workspace + (ptrdiff_t)BLOCK * BLOCK;
    score(p, q, h->in_stride, queries, k, h->in_stride, keys, h->width);
    score(ds, dout, h->out_stride, queries, h->v + key * h->in_stride, h->in_stride, keys,
          h->width);
    for (int64_t i = 0; i < queries; i++) {
        float factors[BLOCK];
        if (h->dropout) {
            draw_row(factors, h, query + i, key);
            multiply_row(ds + i * BLOCK, factors, keys);
        }
        slopes_row(p + i * BLOCK, ds + i * BLOCK, g->lse[query + i], g->delta[query + i], h->scale,
                   sluice__min(keys, query + i - key + 1), keys);
        if (h->dropout) multiply_row(p + i * BLOCK, factors, keys);
    }
    add_product(g->dv + key * h->in_stride, p, true, keys, queries, dout, h->out_stride, h,
                g->first_write && query == key);
    add_product(g->dk + key * h->in_stride, ds, true, keys, queries, q, h->in_stride, h,
                g->first_write && query == key);
    add_product(g->dq + query * h->in_stride, ds, false, queries, keys, k, h->in_stride, h,
                key == 0);
}

static void backward_head(const backward_job *job, int64_t index, bool first_write,
                          float *workspace) {
    const sluice_attention_backward *const args = job->args;
    const head h                                = head_at(&job->layout, index);
    float *const delta                          = (float *)args->scratch + h.lse;
    const float *const out                      = (const float *)args->out + h.out;
    const float *const dout                     = (const float *)args->dout + h.out;
    for (int64_t i = 0; i < h.length; i++)
        dot_row(&delta[i], out + i * h.out_stride, dout + i * h.out_stride, h.width);
    float *const dq   = (float *)args->dqkv + (h.q - job->layout.qkv);
    const gradients g = {dq,    dq + (h.k - h.q), dq + (h.v - h.q), dout, args->lse + h.lse,
                         delta, first_write};
    for (int64_t key = 0; key < h.length; key += BLOCK)
        for (int64_t query = key; query < h.length; query += BLOCK)
            backward_pair(&h, &g, workspace, query, key);
}

static void backward_task(const void *argument, int64_t task, int thread) {
    const backward_job *const job = argument;
    const int64_t group           = job->layout.heads / job->layout.kv_heads;
    for (int64_t i = 0; i < group; i++)
        backward_head(job, task * group + i, i == 0,
                      job->workspaces + (int64_t)thread * SLUICE__WORKSPACE);
}

sluice_status sluice__cpu_attention_backward(sluice_stream *stream,
                                             const sluice_attention_backward *args) {
    SLUICE__TRY(sluice__check_rotary(args->rotary_base));
    sluice_device *const device = stream->device;
    const backward_job job      = {
             args,
             {args->qkv, args->length, args->heads, args->kv_heads, args->head_width, &args->dropout},
             device->workspaces};
    sluice__team_run(device->team, args->samples * args->kv_heads, backward_task, &job);
    return SLUICE_OK;
}
