/* SPDX-License-Identifier: MIT */
/*
 * attention_backward.c -- the gradient of attention: probabilities are recomputed from lse. A task
 * is all query heads that share a key and value head, whose gradients it adds up in their order.
 */
#include "runtime/base/error.h"
#include "runtime/device/cpu/attention_blocks.h"
#include "runtime/device/cpu/vexp.h"

/* to (keys, width) += scores b: rows of `to` from the first key, of `b` from the first query on. */
static void add_to_keys(const sluice__result *to, const float *scores, const sluice__head_rows *b,
                        const sluice__head *h, const sluice__pair *at, float *work) {
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
    sluice__set_b(&product, sluice__row_of(b, h, at->query), h->type);
    sluice__multiply(&product, work);
}

SLUICE__LOOP void probabilities_loop(float *restrict scores, const float *restrict lse, float scale,
                                     const sluice__pair *at) {
    for (int64_t j = 0; j < at->keys; j++)
        for (int64_t i = 0; i < at->queries; i++)
            scores[j * QUERIES + i] = sluice__exp(scores[j * QUERIES + i] * scale - lse[i]);
    sluice__mask(scores, at, 0);
}
SLUICE__VERSIONS(probabilities,
                 (float *restrict scores, const float *restrict lse, float scale,
                  const sluice__pair *at),
                 (scores, lse, scale, at))

/* ds = p (dp - delta) scale, in place of dp */
SLUICE__LOOP void slopes_loop(float *restrict slopes, const float *restrict p,
                              const float *restrict delta, float scale, const sluice__pair *at) {
    for (int64_t j = 0; j < at->keys; j++)
        for (int64_t i = 0; i < at->queries; i++)
            slopes[j * QUERIES + i] =
                p[j * QUERIES + i] * (slopes[j * QUERIES + i] - delta[i]) * scale;
    sluice__mask(slopes, at, 0);
}
SLUICE__VERSIONS(slopes,
                 (float *restrict slopes, const float *restrict p, const float *restrict delta,
                  float scale, const sluice__pair *at),
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
    sluice__heads layout;
} backward_job;

/* The rows of a head's tensors, and of its gradients. dk and dv are added up over blocks of
 * queries, and so are fp32 until the last one. */
typedef struct head_tensors {
    sluice__head_rows q, k, v, out, dout;
    sluice__result dk, dv;
    const float *lse;
    float *delta;
} head_tensors;

/* Where a key's or value's gradient is: for bf16 in scratch, (samples, length, 2, kv_heads, width),
 * after the deltas of all queries. */
static sluice__result key_gradient(const backward_job *job, const sluice__head *h, bool of_value) {
    const sluice_attention_backward *const args = job->args;
    const sluice__heads *const l                = &job->layout;
    const int64_t kv = h->number / (l->heads / l->kv_heads), stride = 2 * l->kv_heads * l->width;
    float *const sums = (float *)args->scratch + args->samples * l->length * l->heads;
    return sluice__result_in(args->dqkv, h->type, of_value ? h->v : h->k, h->in_stride,
                             sums + h->sample * l->length * stride +
                                 ((of_value ? l->kv_heads : 0) + kv) * l->width,
                             stride);
}

static head_tensors tensors_of(const backward_job *job, const sluice__head *h) {
    const sluice_attention_backward *const args = job->args;
    return (head_tensors){.q     = sluice__rows_in(args->qkv, h, h->q, h->in_stride),
                          .k     = sluice__rows_in(args->qkv, h, h->k, h->in_stride),
                          .v     = sluice__rows_in(args->qkv, h, h->v, h->in_stride),
                          .out   = sluice__rows_in(args->out, h, h->out, h->out_stride),
                          .dout  = sluice__rows_in(args->dout, h, h->out, h->out_stride),
                          .dk    = key_gradient(job, h, false),
                          .dv    = key_gradient(job, h, true),
                          .lse   = args->lse + h->lse,
                          .delta = (float *)args->scratch + h->lse};
}

static void backward_pair(const sluice__head *h, const head_tensors *t, const sluice__result *dq,
                          const sluice__attention_work *in, const sluice__pair *at) {
    float *const p = in->scores, *const ds = in->slopes, *const product = in->product;
    sluice__score(p, &t->k, &t->q, h, at, product);
    sluice__score(ds, &t->v, &t->dout, h, at, product);
    probabilities(p, t->lse + at->query, h->scale, at);
    if (h->dropout) sluice__drop_scores(ds, h, at, in->factors);
    slopes(ds, p, t->delta + at->query, h->scale, at);
    if (h->dropout) sluice__drop_scores(p, h, at, in->factors);
    add_to_keys(&t->dv, p, &t->dout, h, at, product);
    add_to_keys(&t->dk, ds, &t->q, h, at, product);
    sluice__add_to_queries(dq, ds, &t->k, h, at, product);
}

/* The first to add to the gradients of keys are the queries of the same positions. */
static void begin_keys(const sluice__head *h, const head_tensors *t, int64_t query) {
    for (int64_t i = query; i < sluice__min(h->length, query + QUERIES); i++) {
        memset(t->dk.at + i * t->dk.stride, 0, (size_t)h->width * sizeof(float));
        memset(t->dv.at + i * t->dv.stride, 0, (size_t)h->width * sizeof(float));
    }
}

/* delta = the sum over a row of out * dout. */
static void set_deltas(const sluice__head *h, const head_tensors *t,
                       const sluice__attention_work *in) {
    for (int64_t i = 0; i < h->length; i++) {
        const void *out = sluice__row_of(&t->out, h, i), *dout = sluice__row_of(&t->dout, h, i);
        if (h->type == SLUICE_TYPE_BF16) {
            sluice__widen(in->results, out, h->width);
            sluice__widen(in->results + h->width, dout, h->width);
            out = in->results, dout = in->results + h->width;
        }
        dot_row(&t->delta[i], out, dout, h->width);
    }
}

static void backward_head(const backward_job *job, int64_t index, bool first_write,
                          const sluice__attention_work *in) {
    const sluice__head h = sluice__head_at(&job->layout, index);
    const head_tensors t = tensors_of(job, &h);
    set_deltas(&h, &t, in);
    for (int64_t query = 0; query < h.length; query += QUERIES) {
        const sluice__result dq = sluice__result_in(
            job->args->dqkv, h.type, h.q + query * h.in_stride, h.in_stride, in->results, h.width);
        if (first_write) begin_keys(&h, &t, query);
        for (int64_t key = 0; key < sluice__min(h.length, query + QUERIES); key += KEYS) {
            const sluice__pair at = sluice__pair_at(&h, query, key);
            backward_pair(&h, &t, &dq, in, &at);
        }
        sluice__put(&dq, sluice__min(QUERIES, h.length - query), h.width);
    }
}

static void backward_task(const void *argument, int64_t task, int thread) {
    const backward_job *const job   = argument;
    const int64_t group             = job->layout.heads / job->layout.kv_heads;
    const sluice__attention_work in = sluice__attention_work_of(job->device, thread);
    for (int64_t i = 0; i < group; i++) backward_head(job, task * group + i, i == 0, &in);
    const sluice__head last = sluice__head_at(&job->layout, task * group);
    const sluice__result dk = key_gradient(job, &last, false), dv = key_gradient(job, &last, true);
    sluice__put(&dk, last.length, last.width);
    sluice__put(&dv, last.length, last.width);
}

static sluice_status attention_backward_of(sluice_stream *stream,
                                           const sluice_attention_backward *args,
                                           sluice_type type) {
    sluice_device *const device = stream->device;
    SLUICE__TRY(sluice__check_head_width(args->head_width, type));
    const backward_job job = {
        args,
        device,
        {type, args->length, args->heads, args->kv_heads, args->head_width, &args->dropout}};
    sluice__team_run(device->team, args->samples * args->kv_heads, backward_task, &job);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(attention_backward)
