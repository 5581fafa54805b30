/* SPDX-License-Identifier: MIT */
/*
 * attention.c -- causal self-attention in blocks of queries and keys.
 *
 * A running maximum m and sum l are kept per query; what was added to `out` under a smaller maximum
 * is scaled down when a larger one appears.
 */
#include <math.h>

#include "runtime/base/error.h"
#include "runtime/device/cpu/attention_blocks.h"
#include "runtime/device/cpu/vexp.h"

/* Each query's maximum and sum of exponentials so far, and what shrinks those that were there
 * before. */
typedef struct softmax {
    float largest[QUERIES], sum[QUERIES], shrink[QUERIES];
} softmax;

/* Scores to exponentials under the larger of the maxima. */
SLUICE__LOOP void soften_loop(float *restrict scores, softmax *restrict state, float scale,
                              const sluice__pair *at) {
    const int64_t queries = at->queries;
    float now[QUERIES];
    sluice__mask(scores, at, -3e38f);
    memcpy(now, state->largest, sizeof now);
    for (int64_t j = 0; j < at->keys; j++)
        for (int64_t i = 0; i < queries; i++) {
            const float score = scores[j * QUERIES + i] * scale;
            now[i]            = score > now[i] ? score : now[i];
        }
    for (int64_t j = 0; j < at->keys; j++)
        for (int64_t i = 0; i < queries; i++)
            scores[j * QUERIES + i] = sluice__exp(scores[j * QUERIES + i] * scale - now[i]);
    sluice__mask(scores, at, 0);
    for (int64_t i = 0; i < queries; i++) {
        state->shrink[i] = sluice__exp(state->largest[i] - now[i]);
        state->sum[i] *= state->shrink[i];
        state->largest[i] = now[i];
    }
    for (int64_t j = 0; j < at->keys; j++)
        for (int64_t i = 0; i < queries; i++) state->sum[i] += scores[j * QUERIES + i];
}
SLUICE__VERSIONS(soften,
                 (float *restrict scores, softmax *restrict state, float scale,
                  const sluice__pair *at),
                 (scores, state, scale, at))

/* Add a block of keys to the running result of a block of queries. */
static void add_keys(const void *qkv, const sluice__head *h, const sluice__pair *at,
                     const sluice__result *out, softmax *state, const sluice__attention_work *in) {
    const sluice__head_rows q = sluice__rows_in(qkv, h, h->q, h->in_stride),
                            k = sluice__rows_in(qkv, h, h->k, h->in_stride),
                            v = sluice__rows_in(qkv, h, h->v, h->in_stride);
    sluice__score(in->scores, &k, &q, h, at, in->product);
    soften(in->scores, state, h->scale, at);
    if (h->dropout) sluice__drop_scores(in->scores, h, at, in->factors);
    for (int64_t i = 0; i < at->queries && at->key > 0; i++)
        sluice__scale(out->at + i * out->stride, state->shrink[i], h->width);
    sluice__add_to_queries(out, in->scores, &v, h, at, in->product);
}

typedef struct forward_job {
    const sluice_attention *args;
    const sluice_device *device;
    sluice__heads layout;
    int64_t blocks; /* of queries per head */
} forward_job;

/* The last blocks of queries have the most keys: they are taken first. */
static void forward_task(const void *argument, int64_t task, int thread) {
    const forward_job *const job       = argument;
    const sluice_attention *const args = job->args;
    const sluice__head h               = sluice__head_at(&job->layout, task / job->blocks);
    const int64_t query                = (job->blocks - 1 - task % job->blocks) * QUERIES;
    const int64_t queries              = sluice__min(QUERIES, h.length - query);
    const sluice__attention_work in    = sluice__attention_work_of(job->device, thread);
    const sluice__result out = sluice__result_in(args->out, h.type, h.out + query * h.out_stride,
                                                 h.out_stride, in.results, h.width);
    softmax state;
    for (int64_t i = 0; i < QUERIES; i++) state.largest[i] = -3e38f, state.sum[i] = 0;
    for (int64_t key = 0; key < query + queries; key += KEYS) {
        const sluice__pair at = sluice__pair_at(&h, query, key);
        add_keys(args->qkv, &h, &at, &out, &state, &in);
    }
    for (int64_t i = 0; i < queries; i++) {
        sluice__scale(out.at + i * out.stride, 1.0f / state.sum[i], h.width);
        args->lse[h.lse + query + i] = state.largest[i] + logf(state.sum[i]);
    }
    sluice__put(&out, queries, h.width);
}

static sluice_status attention_of(sluice_stream *stream, const sluice_attention *args,
                                  sluice_type type) {
    sluice_device *const device = stream->device;
    SLUICE__TRY(sluice__check_head_width(args->head_width, type));
    const forward_job job = {
        args,
        device,
        {type, args->length, args->heads, args->kv_heads, args->head_width, &args->dropout},
        sluice__blocks(args->length, QUERIES)};
    sluice__team_run(device->team, args->samples * args->heads * job.blocks, forward_task, &job);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(attention)
