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

#include <inttypes.h>

#include "runtime/base/error.h"
#include "runtime/device/cpu/bf16.h"
#include "runtime/device/cpu/blas.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/transpose.h"
#include "runtime/device/cpu/vexp.h"

enum { QUERIES = SLUICE__ATTENTION_QUERIES, KEYS = SLUICE__ATTENTION_KEYS };
_Static_assert((int)QUERIES == (int)SLUICE__DRAWN, "a row of a square draws its factors at once");

/* One head of one sample: where its tensors begin, and the strides between positions. */
typedef struct head {
    sluice_type type;              /* of qkv, out and their gradients */
    int64_t q, k, v, out, lse;     /* offsets of the head's first elements */
    int64_t in_stride, out_stride; /* of qkv and dqkv; of out and dout */
    int64_t length, width;
    float scale;
    const sluice_dropout *dropout; /* NULL: none */
    int64_t sample, number;        /* of the head in its sample */
} head;

/* What an attention and its gradient have in common. */
typedef struct layout {
    const void *qkv;
    sluice_type type;
    int64_t length, heads, kv_heads, width;
    const sluice_dropout *dropout;
} layout;

/* Query head `index` of all samples' heads. */
static head head_at(const layout *l, int64_t index) {
    const int64_t sample = index / l->heads, h = index % l->heads, all = l->heads * l->width;
    const int64_t kv = h / (l->heads / l->kv_heads), all_kv = l->kv_heads * l->width;
    const int64_t stride = all + 2 * all_kv, row = sample * l->length * stride;
    return (head){.type       = l->type,
                  .q          = row + h * l->width,
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
    float *product;
    float *results; /* rows of bf16 tensors, while they are computed */
} space;

static space space_of(const sluice_device *device, int thread) {
    const ptrdiff_t pair = (ptrdiff_t)KEYS * QUERIES;
    float *const first   = sluice__attention_space(device, thread);
    return (space){first, first + pair, first + 2 * pair, sluice__product_space(device, thread),
                   sluice__results(device, thread)};
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

/* Rows of one head in a tensor of the head's type: where the first one begins, and how far apart
 * they are. */
typedef struct head_rows {
    const void *at;
    int64_t stride;
} head_rows;

static head_rows rows_in(const void *tensor, const head *h, int64_t offset, int64_t stride) {
    return (head_rows){sluice__element(tensor, h->type, offset), stride};
}

static const void *row_of(const head_rows *rows, const head *h, int64_t index) {
    return sluice__element(rows->at, h->type, index * rows->stride);
}

/* scores (keys, QUERIES) = a b^T: rows of `a` from the first key on, of `b` from the first query.
 */
static void score(float *scores, const head_rows *a, const head_rows *b, const head *h,
                  const pair *at, float *space_) {
    sluice__product product = {.c           = scores,
                               .rows        = at->keys,
                               .columns     = at->queries,
                               .inner       = h->width,
                               .c_stride    = QUERIES,
                               .a_stride    = a->stride,
                               .b_stride    = b->stride,
                               .alpha       = 1,
                               .transpose_b = true};
    sluice__set_a(&product, row_of(a, h, at->key), h->type);
    sluice__set_b(&product, row_of(b, h, at->query), h->type);
    sluice__multiply(&product, space_);
}

/* to (queries, width) (+)= scores^T b: rows of `to` for the pair's queries, of `b` from the first
 * key on. */
static void add_to_queries(const sluice__result *to, const float *scores, const head_rows *b,
                           const head *h, const pair *at, float *space_) {
    sluice__product product = {.c           = to->at,
                               .a           = scores,
                               .rows        = at->queries,
                               .columns     = h->width,
                               .inner       = at->keys,
                               .c_stride    = to->stride,
                               .a_stride    = QUERIES,
                               .b_stride    = b->stride,
                               .alpha       = 1,
                               .beta        = at->key > 0 ? 1.0f : 0.0f,
                               .transpose_a = true};
    sluice__set_b(&product, row_of(b, h, at->key), h->type);
    sluice__multiply(&product, space_);
}

/* to (keys, width) += scores b: rows of `to` from the first key, of `b` from the first query on. */
static void add_to_keys(const sluice__result *to, const float *scores, const head_rows *b,
                        const head *h, const pair *at, float *space_) {
    sluice__product product = {.c        = to->at + at->key * to->stride,
                               .a        = scores,
                               .rows     = at->keys,
                               .columns  = h->width,
                               .inner    = at->queries,
                               .c_stride = to->stride,
                               .a_stride = QUERIES,
                               .b_stride = b->stride,
                               .alpha    = 1,
                               .beta     = 1};
    sluice__set_b(&product, row_of(b, h, at->query), h->type);
    sluice__multiply(&product, space_);
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

/* Add a block of keys to the running result of a block of queries. */
static void add_keys(const void *qkv, const head *h, const pair *at, const sluice__result *out,
                     softmax *state, const space *in) {
    const head_rows q = rows_in(qkv, h, h->q, h->in_stride),
                    k = rows_in(qkv, h, h->k, h->in_stride),
                    v = rows_in(qkv, h, h->v, h->in_stride);
    score(in->scores, &k, &q, h, at, in->product);
    soften(in->scores, state, h->scale, at);
    if (h->dropout) drop(in->scores, h, at, in->factors);
    for (int64_t i = 0; i < at->queries && at->key > 0; i++)
        sluice__scale(out->at + i * out->stride, state->shrink[i], h->width);
    add_to_queries(out, in->scores, &v, h, at, in->product);
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
    const sluice__result out = sluice__result_in(args->out, h.type, h.out + query * h.out_stride,
                                                 h.out_stride, in.results, h.width);
    softmax state;
    for (int64_t i = 0; i < QUERIES; i++) state.largest[i] = -3e38f, state.sum[i] = 0;
    for (int64_t key = 0; key < query + queries; key += KEYS) {
        const pair at = pair_at(&h, query, key);
        add_keys(args->qkv, &h, &at, &out, &state, &in);
    }
    for (int64_t i = 0; i < queries; i++) {
        sluice__scale(out.at + i * out.stride, 1.0f / state.sum[i], h.width);
        args->lse[h.lse + query + i] = state.largest[i] + logf(state.sum[i]);
    }
    sluice__put(&out, queries, h.width);
}

sluice_status sluice__check_head_width(int64_t width, sluice_type type) {
    enum { WIDEST = SLUICE__RESULTS / QUERIES };
    if (type == SLUICE_TYPE_F32 || width <= WIDEST) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED,
                        "heads are %" PRId64 " wide, and attention in bf16 goes up to %d", width,
                        WIDEST);
}

static sluice_status attention_of(sluice_stream *stream, const sluice_attention *args,
                                  sluice_type type) {
    sluice_device *const device = stream->device;
    SLUICE__TRY(sluice__check_head_width(args->head_width, type));
    const forward_job job = {args,
                             device,
                             {args->qkv, type, args->length, args->heads, args->kv_heads,
                              args->head_width, &args->dropout},
                             sluice__blocks(args->length, QUERIES)};
    sluice__team_run(device->team, args->samples * args->heads * job.blocks, forward_task, &job);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(attention)

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

/* The rows of a head's tensors, and of its gradients. dk and dv are added up over blocks of
 * queries, and so are fp32 until the last one. */
typedef struct head_tensors {
    head_rows q, k, v, out, dout;
    sluice__result dk, dv;
    const float *lse;
    float *delta;
} head_tensors;

/* Where a key's or value's gradient is: for bf16 in scratch, (samples, length, 2, kv_heads, width),
 * after the deltas of all queries. */
static sluice__result key_gradient(const backward_job *job, const head *h, bool of_value) {
    const sluice_attention_backward *const args = job->args;
    const layout *const l                       = &job->layout;
    const int64_t kv = h->number / (l->heads / l->kv_heads), stride = 2 * l->kv_heads * l->width;
    float *const sums = (float *)args->scratch + args->samples * l->length * l->heads;
    return sluice__result_in(args->dqkv, h->type, of_value ? h->v : h->k, h->in_stride,
                             sums + h->sample * l->length * stride +
                                 ((of_value ? l->kv_heads : 0) + kv) * l->width,
                             stride);
}

static head_tensors tensors_of(const backward_job *job, const head *h) {
    const sluice_attention_backward *const args = job->args;
    return (head_tensors){.q     = rows_in(args->qkv, h, h->q, h->in_stride),
                          .k     = rows_in(args->qkv, h, h->k, h->in_stride),
                          .v     = rows_in(args->qkv, h, h->v, h->in_stride),
                          .out   = rows_in(args->out, h, h->out, h->out_stride),
                          .dout  = rows_in(args->dout, h, h->out, h->out_stride),
                          .dk    = key_gradient(job, h, false),
                          .dv    = key_gradient(job, h, true),
                          .lse   = args->lse + h->lse,
                          .delta = (float *)args->scratch + h->lse};
}

static void backward_pair(const head *h, const head_tensors *t, const sluice__result *dq,
                          const space *in, const pair *at) {
    float *const p = in->scores, *const ds = in->slopes, *const product = in->product;
    score(p, &t->k, &t->q, h, at, product);
    score(ds, &t->v, &t->dout, h, at, product);
    probabilities(p, t->lse + at->query, h->scale, at);
    if (h->dropout) drop(ds, h, at, in->factors);
    slopes(ds, p, t->delta + at->query, h->scale, at);
    if (h->dropout) drop(p, h, at, in->factors);
    add_to_keys(&t->dv, p, &t->dout, h, at, product);
    add_to_keys(&t->dk, ds, &t->q, h, at, product);
    add_to_queries(dq, ds, &t->k, h, at, product);
}

/* The first to add to the gradients of keys are the queries of the same positions. */
static void begin_keys(const head *h, const head_tensors *t, int64_t query) {
    for (int64_t i = query; i < sluice__min(h->length, query + QUERIES); i++) {
        memset(t->dk.at + i * t->dk.stride, 0, (size_t)h->width * sizeof(float));
        memset(t->dv.at + i * t->dv.stride, 0, (size_t)h->width * sizeof(float));
    }
}

/* delta = the sum over a row of out * dout. */
static void set_deltas(const head *h, const head_tensors *t, const space *in) {
    for (int64_t i = 0; i < h->length; i++) {
        const void *out = row_of(&t->out, h, i), *dout = row_of(&t->dout, h, i);
        if (h->type == SLUICE_TYPE_BF16) {
            sluice__widen(in->results, out, h->width);
            sluice__widen(in->results + h->width, dout, h->width);
            out = in->results, dout = in->results + h->width;
        }
        dot_row(&t->delta[i], out, dout, h->width);
    }
}

static void backward_head(const backward_job *job, int64_t index, bool first_write,
                          const space *in) {
    const head h         = head_at(&job->layout, index);
    const head_tensors t = tensors_of(job, &h);
    set_deltas(&h, &t, in);
    for (int64_t query = 0; query < h.length; query += QUERIES) {
        const sluice__result dq = sluice__result_in(
            job->args->dqkv, h.type, h.q + query * h.in_stride, h.in_stride, in->results, h.width);
        if (first_write) begin_keys(&h, &t, query);
        for (int64_t key = 0; key < sluice__min(h.length, query + QUERIES); key += KEYS) {
            const pair at = pair_at(&h, query, key);
            backward_pair(&h, &t, &dq, in, &at);
        }
        sluice__put(&dq, sluice__min(QUERIES, h.length - query), h.width);
    }
}

static void backward_task(const void *argument, int64_t task, int thread) {
    const backward_job *const job = argument;
    const int64_t group           = job->layout.heads / job->layout.kv_heads;
    const space in                = space_of(job->device, thread);
    for (int64_t i = 0; i < group; i++) backward_head(job, task * group + i, i == 0, &in);
    const head last         = head_at(&job->layout, task * group);
    const sluice__result dk = key_gradient(job, &last, false), dv = key_gradient(job, &last, true);
    sluice__put(&dk, last.length, last.width);
    sluice__put(&dv, last.length, last.width);
}

static sluice_status attention_backward_of(sluice_stream *stream,
                                           const sluice_attention_backward *args,
                                           sluice_type type) {
    sluice_device *const device = stream->device;
    SLUICE__TRY(sluice__check_head_width(args->head_width, type));
    const backward_job job = {args,
                              device,
                              {args->qkv, type, args->length, args->heads, args->kv_heads,
                               args->head_width, &args->dropout}};
    sluice__team_run(device->team, args->samples * args->kv_heads, backward_task, &job);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(attention_backward)
