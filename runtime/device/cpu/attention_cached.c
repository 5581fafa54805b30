/* SPDX-License-Identifier: MIT */
/*
 * attention_cached.c -- attention of the next rows of a sequence, with a cache of keys and values.
 *
 * Each query goes by itself, over blocks of keys that begin at the same positions whatever the
 * call's rows are: its bits depend on nothing but its own row and the cache. Decoding is bound by
 * reading the cache, which is read once; a prompt's rows find it in the processor's caches.
 */
#include <math.h>

#include "runtime/device/arguments.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/vexp.h"

enum { KEYS = 256 }; /* of a block */

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

/* Query head h of row i. */
static void attend(const sluice_attention_cached *a, int64_t i, int64_t h) {
    const int64_t width = a->head_width, stride = a->kv_heads * width;
    const int64_t kv    = h / (a->heads / a->kv_heads) * width;
    const int64_t count = a->position + i + 1;
    const float *const q =
        (const float *)a->qkv + i * (a->heads + 2 * a->kv_heads) * width + h * width;
    const float *const k = (const float *)a->keys + kv, *const v = (const float *)a->values + kv;
    float *const out = (float *)a->out + (i * a->heads + h) * width;
    softmax state    = {-3e38F, 0};
    float scores[KEYS], shrink = 1;
    memset(out, 0, (size_t)width * sizeof *out);
    for (int64_t key = 0; key < count; key += KEYS) {
        const int64_t keys = sluice__min(KEYS, count - key);
        score(scores, q, k + key * stride, stride, width, keys, 1 / sqrtf((float)width));
        soften(scores, &state, &shrink, keys);
        add_values(out, scores, v + key * stride, stride, width, keys, shrink);
    }
    sluice__scale(out, 1 / state.sum, width);
}

static void attend_task(const void *argument, int64_t task, int thread) {
    const sluice_attention_cached *const args = argument;
    (void)thread;
    attend(args, task % args->rows, task / args->rows); /* neighbours share keys */
}

/* The keys and values of the new rows. */
static void store_rows(const sluice_attention_cached *a) {
    const int64_t all = a->heads * a->head_width, kv = a->kv_heads * a->head_width;
    for (int64_t i = 0; i < a->rows; i++) {
        const float *const row = (const float *)a->qkv + i * (all + 2 * kv);
        const size_t bytes     = (size_t)kv * sizeof *row;
        memcpy((float *)a->keys + (a->position + i) * kv, row + all, bytes);
        memcpy((float *)a->values + (a->position + i) * kv, row + all + kv, bytes);
    }
}

sluice_status sluice__cpu_attention_cached(sluice_stream *stream,
                                           const sluice_attention_cached *args) {
    SLUICE__TRY(sluice__check_cache(args));
    store_rows(args);
    sluice__team_run(stream->device->team, args->rows * args->heads, attend_task, args);
    return SLUICE_OK;
}
