/* SPDX-License-Identifier: MIT */
/*
 * attention_cached.c -- attention of the next rows of a sequence, with a cache of keys and values.
 *
 * Each query goes by itself, over blocks of keys that begin at the same positions whatever the
 * call's rows are: its bits depend on nothing but its own row and the cache. Decoding is bound by
 * reading the cache, which is read once; a prompt's rows find it in the processor's caches.
 */
#include <assert.h>
#include <math.h>

#include "runtime/device/arguments.h"
#include "runtime/device/cpu/attention_blocks.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/vexp.h"

/* A head's softmax so far. */
typedef struct softmax {
    float largest, sum;
} softmax;

/* scores[j] = scale * q k_j */
SLUICE__LOOP void score_loop(float *restrict scores, const float *q, const float *k, int64_t stride,
                             int64_t width, int64_t count, float scale) {
    for (int64_t j = 0; j < count; j++, k += stride) scores[j] = scale * sluice__dot(q, k, width);
}
SLUICE__VERSIONS(score,
                 (float *restrict scores, const float *q, const float *k, int64_t stride,
                  int64_t width, int64_t count, float scale),
                 (scores, q, k, stride, width, count, scale))

/* Scores to exponentials under the larger of the maxima; `*shrink` is for what was there before. */
SLUICE__LOOP void soften_loop(float *restrict scores, softmax *restrict state, float *shrink,
                              int64_t count) {
    const float here = sluice__max(scores, count);
    const float now  = here > state->largest ? here : state->largest;
    for (int64_t j = 0; j < count; j++) scores[j] = sluice__exp(scores[j] - now);
    *shrink        = sluice__exp(state->largest - now);
    state->sum     = state->sum * *shrink + sluice__sum(scores, count);
    state->largest = now;
}
SLUICE__VERSIONS(soften,
                 (float *restrict scores, softmax *restrict state, float *shrink, int64_t count),
                 (scores, state, shrink, count))

/* out = shrink out + the sum of weights[j] v_j, in the order of keys. */
SLUICE__LOOP void add_values_loop(float *restrict out, const float *restrict weights,
                                  const float *restrict v, int64_t stride, int64_t width,
                                  int64_t count, float shrink) {
    for (int64_t i = 0; i < width; i++) out[i] *= shrink;
    for (int64_t j = 0; j < count; j++, v += stride)
        for (int64_t i = 0; i < width; i++) out[i] += weights[j] * v[i];
}
SLUICE__VERSIONS(add_values,
                 (float *restrict out, const float *restrict weights, const float *restrict v,
                  int64_t stride, int64_t width, int64_t count, float shrink),
                 (out, weights, v, stride, width, count, shrink))

typedef struct cached_job {
    const sluice_attention_cached *args;
    sluice_type type;
    const sluice_device *device;
} cached_job;

/* A thread's floats for bf16: a query, its result, and keys or values. */
typedef struct wide {
    float *query, *out, *rows;
    int64_t limit;  /* keys or values at a time */
    int64_t stride; /* from one to the next */
} wide;

static wide wide_of(const cached_job *job, int thread) {
    float *const space  = sluice__results(job->device, thread);
    const int64_t width = job->args->head_width;
    const bool is_fp32  = job->type == SLUICE_TYPE_F32;
    return (wide){.query  = space,
                  .out    = space + width,
                  .rows   = space + 2 * width,
                  .limit  = is_fp32 ? KEYS : sluice__min(KEYS, SLUICE__RESULTS / width - 2),
                  .stride = is_fp32 ? job->args->kv_heads * width : width};
}

/* `count` keys or values from element `first` on as floats: where they are, or in the thread's
 * space. */
static const float *rows_at(const cached_job *job, const void *cache, int64_t first, int64_t count,
                            const wide *in) {
    const int64_t width    = job->args->head_width;
    const void *const from = sluice__element(cache, job->type, first);
    if (job->type == SLUICE_TYPE_F32) return from;
    sluice__widen_rows(in->rows, width, from, job->args->kv_heads * width, count, width);
    return in->rows;
}

/* Query head h of row i. */
static void attend(const cached_job *job, int64_t i, int64_t h, const wide *in) {
    const sluice_attention_cached *const a = job->args;
    const int64_t width = a->head_width, all = a->kv_heads * width;
    const int64_t kv    = h / (a->heads / a->kv_heads) * width;
    const int64_t count = a->position + i + 1;
    const void *const row =
        sluice__element(a->qkv, job->type, i * (a->heads + 2 * a->kv_heads) * width + h * width);
    const sluice__result out =
        sluice__result_in(a->out, job->type, (i * a->heads + h) * width, width, in->out, width);
    const float *q = row;
    softmax state  = {-3e38F, 0};
    float scores[KEYS], shrink = 1;
    assert(in->limit > 0);
    if (job->type == SLUICE_TYPE_BF16) {
        sluice__widen(in->query, row, width);
        q = in->query;
    }
    memset(out.at, 0, (size_t)width * sizeof *out.at);
    for (int64_t key = 0; key < count; key += in->limit) {
        const int64_t keys = sluice__min(in->limit, count - key), first = key * all + kv;
        const float *const k = rows_at(job, a->keys, first, keys, in);
        score(scores, q, k, in->stride, width, keys, 1 / sqrtf((float)width));
        soften(scores, &state, &shrink, keys);
        const float *const v = rows_at(job, a->values, first, keys, in);
        add_values(out.at, scores, v, in->stride, width, keys, shrink);
    }
    sluice__scale(out.at, 1 / state.sum, width);
    sluice__put(&out, 1, width);
}

static void attend_task(const void *argument, int64_t task, int thread) {
    const cached_job *const job = argument;
    const wide in               = wide_of(job, thread);
    attend(job, task % job->args->rows, task / job->args->rows, &in); /* neighbours share keys */
}

/* The keys and values of the new rows. */
static void store_rows(const sluice_attention_cached *a, sluice_type type) {
    const int64_t all = a->heads * a->head_width, kv = a->kv_heads * a->head_width;
    const size_t bytes = (size_t)kv * sluice_type_bytes(type);
    for (int64_t i = 0; i < a->rows; i++) {
        const int64_t row = i * (all + 2 * kv), at = (a->position + i) * kv;
        memcpy((void *)sluice__element(a->keys, type, at), sluice__element(a->qkv, type, row + all),
               bytes);
        memcpy((void *)sluice__element(a->values, type, at),
               sluice__element(a->qkv, type, row + all + kv), bytes);
    }
}

static sluice_status attention_cached_of(sluice_stream *stream, const sluice_attention_cached *args,
                                         sluice_type type) {
    const cached_job job = {args, type, stream->device};
    SLUICE__TRY(sluice__check_head_width(args->head_width, type));
    SLUICE__TRY(sluice__check_cache(args));
    store_rows(args, type);
    sluice__team_run(stream->device->team, args->rows * args->heads, attend_task, &job);
    return SLUICE_OK;
}
SLUICE__BOTH_TYPES(attention_cached)
