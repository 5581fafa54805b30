/* SPDX-License-Identifier: MIT */
/*
 * attention.c -- causal self-attention in blocks of queries and keys.
 *
 * Scores exist for one pair of blocks at a time, in the thread's workspace, and transposed: a row
 * for each key, a column for each query, so that what a softmax does over keys is done for all
 * queries of the block in the lanes of vectors, and no other operand has to be transposed. Forward
 * keeps a running maximum m and sum l per query; what was added to `out` under a smaller maximum
 * is scaled down when a larger one appears. Backward recomputes the probabilities from lse; a task
 * is all query heads that share a key and value head, whose gradients it adds up in their order.
 */
#include <math.h>

#include "runtime/device/cpu/blas.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/transpose.h"
#include "runtime/device/cpu/vexp.h"

enum { QUERIES = SLUICE__ATTENTION_QUERIES, KEYS = SLUICE__ATTENTION_KEYS };
_Static_assert((int)QUERIES == (int)SLUICE__DRAWN, "a row of a square draws its factors at once");

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

/* A thread's workspace. */
typedef struct space {
    float *scores;  /* (KEYS, QUERIES) */
    float *slopes;  /* the same: their gradients */
    float *factors; /* 2 (QUERIES, QUERIES): of dropout, as drawn and transposed */
    float *panel;   /* of products */
} space;

static space space_of(const sluice_device *device, int thread) {
    const ptrdiff_t pair = (ptrdiff_t)KEYS * QUERIES;
    float *const first   = sluice__attention_space(device, thread);
    return (space){first, first + pair, first + 2 * pair, sluice__panel(device, thread)};
}

/* A block of queries with a block of keys: those from which on, and how many. A key is masked for
 * the queries before it. */
typedef struct pair {
    int64_t query, queries, key, keys;
} pair;

static pair pair_at(const head *h, int64_t query, int64_t key) {
    const int64_t queries = sluice__min(QUERIES, h->length - query);
    return (pair){query, queries, key, sluice__min(KEYS, query + queries - key)};
}

/* ---- dropout ---- */

SLUICE__LOOP void multiply_rows_loop(float *restrict rows, const float *restrict factors,
                                     int64_t count) {
    for (int64_t i = 0; i < count; i++) rows[i] *= factors[i];
}
SLUICE__VERSIONS(multiply_rows,
                 (float *restrict rows, const float *restrict factors, int64_t count),
                 (rows, factors, count))

/* rows (keys, QUERIES) times the factors of the pair's probabilities. */
static void drop(float *rows, const head *h, const pair *at, float *factors) {
    const int64_t length = (h->length + 3) / 4 * 4; /* of a row of probabilities, as drawn */
    float *const turned  = factors + (ptrdiff_t)QUERIES * QUERIES;
    for (int64_t key = 0; key < at->keys; key += QUERIES) {
        for (int64_t i = 0; i < at->queries; i++)
            sluice__draw_factors(factors + i * QUERIES, h->dropout, h->sample,
                                 (h->number * h->length + at->query + i) * length + at->key + key);
        sluice__transpose(turned, QUERIES, factors, QUERIES, QUERIES, QUERIES);
        multiply_rows(rows + key * QUERIES, turned, sluice__min(QUERIES, at->keys - key) * QUERIES);
    }
}

/* ---- products of a pair ---- */

/* scores (keys, QUERIES) = a b^T: rows of `a` from the first key on, of `b` from the first query.
 */
static void score(float *scores, const float *a, const float *b, int64_t b_stride, const head *h,
                  const pair *at, float *panel) {
    const sluice__product product = {.c           = scores,
                                     .a           = a + at->key * h->in_stride,
                                     .b           = b + at->query * b_stride,
                                     .rows        = at->keys,
                                     .columns     = at->queries,
                                     .inner       = h->width,
                                     .c_stride    = QUERIES,
                                     .a_stride    = h->in_stride,
                                     .b_stride    = b_stride,
                                     .alpha       = 1,
                                     .transpose_b = true};
    sluice__multiply(&product, panel);
}

/* to (queries, width) (+)= scores^T b: rows of `to` from the first query, of `b` from the first
 * key on. */
static void add_to_queries(float *to, int64_t to_stride, const float *scores, const float *b,
                           const head *h, const pair *at, float *panel) {
    const sluice__product product = {.c           = to + at->query * to_stride,
                                     .a           = scores,
                                     .b           = b + at->key * h->in_stride,
                                     .rows        = at->queries,
                                     .columns     = h->width,
                                     .inner       = at->keys,
                                     .c_stride    = to_stride,
                                     .a_stride    = QUERIES,
                                     .b_stride    = h->in_stride,
                                     .alpha       = 1,
                                     .beta        = at->key > 0 ? 1.0f : 0.0f,
                                     .transpose_a = true};
    sluice__multiply(&product, panel);
}

/* to (keys, width) += scores b: rows of `to` from the first key, of `b` from the first query on. */
static void add_to_keys(float *to, const float *scores, const float *b, int64_t b_stride,
                        const head *h, const pair *at, float *panel) {
    const sluice__product product = {.c        = to + at->key * h->in_stride,
                                     .a        = scores,
                                     .b        = b + at->query * b_stride,
                                     .rows     = at->keys,
                                     .columns  = h->width,
                                     .inner    = at->queries,
                                     .c_stride = h->in_stride,
                                     .a_stride = QUERIES,
                                     .b_stride = b_stride,
                                     .alpha    = 1,
                                     .beta     = 1};
    sluice__multiply(&product, panel);
}

/* ---- forward ---- */

/* Row j of the scores is set to `to` where its key is masked: for the first j - diagonal queries.
 */
SLUICE__LOOP void mask(float *scores, const pair *at, float to) {
    const int64_t diagonal = at->query - at->key;
    for (int64_t j = diagonal < 0 ? 0 : diagonal + 1; j < at->keys; j++)
        for (int64_t i = 0; i < j - diagonal && i < at->queries; i++) scores[j * QUERIES + i] = to;
}

/* Each query's maximum and sum of exponentials so far, and what shrinks those that were there
 * before. */
typedef struct softmax {
    float largest[QUERIES], sum[QUERIES], shrink[QUERIES];
} softmax;

/* Scores to exponentials under the larger of the maxima. */
SLUICE__LOOP void soften_loop(float *restrict scores, softmax *restrict state, float scale,
                              const pair *at) {
    const int64_t queries = at->queries;
    float now[QUERIES];
    mask(scores, at, -3e38f);
    memcpy(now, state->largest, sizeof now);
    for (int64_t j = 0; j < at->keys; j++)
        for (int64_t i = 0; i < queries; i++) {
            const float score = scores[j * QUERIES + i] * scale;
            now[i]            = score > now[i] ? score : now[i];
        }
    for (int64_t j = 0; j < at->keys; j++)
        for (int64_t i = 0; i < queries; i++)
            scores[j * QUERIES + i] = sluice__exp(scores[j * QUERIES + i] * scale - now[i]);
    mask(scores, at, 0);
    for (int64_t i = 0; i < queries; i++) {
        state->shrink[i] = sluice__exp(state->largest[i] - now[i]);
        state->sum[i] *= state->shrink[i];
        state->largest[i] = now[i];
    }
    for (int64_t j = 0; j < at->keys; j++)
        for (int64_t i = 0; i < queries; i++) state->sum[i] += scores[j * QUERIES + i];
}
SLUICE__VERSIONS(soften,
                 (float *restrict scores, softmax *restrict state, float scale, const pair *at),
                 (scores, state, scale, at))

/* Add a block of keys to the running result of a block of queries; `out` is the head's. */
static void add_keys(const head *h, const pair *at, float *out, softmax *state, const space *in) {
    score(in->scores, h->k, h->q, h->in_stride, h, at, in->panel);
    soften(in->scores, state, h->scale, at);
    if (h->dropout) drop(in->scores, h, at, in->factors);
    for (int64_t i = 0; i < at->queries && at->key > 0; i++)
        sluice__scale(out + (at->query + i) * h->out_stride, state->shrink[i], h->width);
    add_to_queries(out, h->out_stride, in->scores, h->v, h, at, in->panel);
}

typedef struct forward_job {
    const sluice_attention *args;
    const sluice_device *device;
    layout layout;
    int64_t blocks; /* of queries per head */
} forward_job;

/* The last blocks of queries have the most keys: they are taken first. */
static void forward_task(const void *argument, int64_t task, int thread) {
    const forward_job *const job       = argument;
    const sluice_attention *const args = job->args;
    const head h                       = head_at(&job->layout, task / job->blocks);
    const int64_t query                = (job->blocks - 1 - task % job->blocks) * QUERIES;
    const int64_t queries              = sluice__min(QUERIES, h.length - query);
    const space in                     = space_of(job->device, thread);
    float *const out                   = (float *)args->out + h.out;
    softmax state;
    for (int64_t i = 0; i < QUERIES; i++) state.largest[i] = -3e38f, state.sum[i] = 0;
    for (int64_t key = 0; key < query + queries; key += KEYS) {
        const pair at = pair_at(&h, query, key);
        add_keys(&h, &at, out, &state, &in);
    }
    for (int64_t i = 0; i < queries; i++) {
        sluice__scale(out + (query + i) * h.out_stride, 1.0f / state.sum[i], h.width);
        args->lse[h.lse + query + i] = state.largest[i] + logf(state.sum[i]);
    }
}

sluice_status sluice__cpu_attention(sluice_stream *stream, const sluice_attention *args) {
    sluice_device *const device = stream->device;
    const forward_job job       = {
              args,
              device,
              {args->qkv, args->length, args->heads, args->kv_heads, args->head_width, &args->dropout},
              sluice__blocks(args->length, QUERIES)};
    sluice__team_run(device->team, args->samples * args->heads * job.blocks, forward_task, &job);
    return SLUICE_OK;
}

/* ---- backward ---- */

SLUICE__LOOP void probabilities_loop(float *restrict scores, const float *restrict lse, float scale,
                                     const pair *at) {
    for (int64_t j = 0; j < at->keys; j++)
        for (int64_t i = 0; i < at->queries; i++)
            scores[j * QUERIES + i] = sluice__exp(scores[j * QUERIES + i] * scale - lse[i]);
    mask(scores, at, 0);
}
SLUICE__VERSIONS(probabilities,
                 (float *restrict scores, const float *restrict lse, float scale, const pair *at),
                 (scores, lse, scale, at))

/* ds = p (dp - delta) scale, in place of dp */
SLUICE__LOOP void slopes_loop(float *restrict slopes, const float *restrict p,
                              const float *restrict delta, float scale, const pair *at) {
    for (int64_t j = 0; j < at->keys; j++)
        for (int64_t i = 0; i < at->queries; i++)
            slopes[j * QUERIES + i] =
                p[j * QUERIES + i] * (slopes[j * QUERIES + i] - delta[i]) * scale;
    mask(slopes, at, 0);
}
SLUICE__VERSIONS(slopes,
                 (float *restrict slopes, const float *restrict p, const float *restrict delta,
                  float scale, const pair *at),
                 (slopes, p, delta, scale, at))

SLUICE__LOOP void dot_row_loop(float *restrict out, const float *restrict a,
                               const float *restrict b, int64_t count) {
    *out = sluice__dot(a, b, count);
}
SLUICE__VERSIONS(dot_row,
                 (float *restrict out, const float *restrict a, const float *restrict b,
                  int64_t count),
                 (out, a, b, count))

typedef struct backward_job {
    const sluice_attention_backward *args;
    const sluice_device *device;
    layout layout;
} backward_job;

/* A head's gradients begin in dqkv where its q, k, v begin in qkv. */
typedef struct gradients {
    float *dq, *dk, *dv;
    const float *dout, *lse, *delta;
    bool first_write; /* of dk and dv: another query head has not begun them */
} gradients;

static void backward_pair(const head *h, const gradients *g, const space *in, const pair *at) {
    float *const p = in->scores, *const ds = in->slopes, *const panel = in->panel;
    score(p, h->k, h->q, h->in_stride, h, at, panel);
    score(ds, h->v, g->dout, h->out_stride, h, at, panel);
    probabilities(p, g->lse + at->query, h->scale, at);
    if (h->dropout) drop(ds, h, at, in->factors);
    slopes(ds, p, g->delta + at->query, h->scale, at);
    if (h->dropout) drop(p, h, at, in->factors);
    add_to_keys(g->dv, p, g->dout, h->out_stride, h, at, panel);
    add_to_keys(g->dk, ds, h->q, h->in_stride, h, at, panel);
    add_to_queries(g->dq, h->in_stride, ds, h->k, h, at, panel);
}

/* The first to add to the gradients of keys are the queries of the same positions. */
static void begin_keys(const head *h, const gradients *g, int64_t query) {
    for (int64_t i = query; i < sluice__min(h->length, query + QUERIES) && g->first_write; i++) {
        memset(g->dk + i * h->in_stride, 0, (size_t)h->width * sizeof *g->dk);
        memset(g->dv + i * h->in_stride, 0, (size_t)h->width * sizeof *g->dv);
    }
}

static void backward_head(const backward_job *job, int64_t index, bool first_write,
                          const space *in) {
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
    for (int64_t query = 0; query < h.length; query += QUERIES) {
        begin_keys(&h, &g, query);
        for (int64_t key = 0; key < sluice__min(h.length, query + QUERIES); key += KEYS) {
            const pair at = pair_at(&h, query, key);
            backward_pair(&h, &g, in, &at);
        }
    }
}

static void backward_task(const void *argument, int64_t task, int thread) {
    const backward_job *const job = argument;
    const int64_t group           = job->layout.heads / job->layout.kv_heads;
    const space in                = space_of(job->device, thread);
    for (int64_t i = 0; i < group; i++) backward_head(job, task * group + i, i == 0, &in);
}

sluice_status sluice__cpu_attention_backward(sluice_stream *stream,
                                             const sluice_attention_backward *args) {
    sluice_device *const device = stream->device;
    const backward_job job      = {
             args,
             device,
             {args->qkv, args->length, args->heads, args->kv_heads, args->head_width, &args->dropout}};
    sluice__team_run(device->team, args->samples * args->kv_heads, backward_task, &job);
    return SLUICE_OK;
}
