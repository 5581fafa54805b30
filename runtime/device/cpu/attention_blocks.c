/* SPDX-License-Identifier: MIT */
/* attention_blocks.c -- heads, blocks of queries and keys, and products of a block of each. */
#include "runtime/device/cpu/attention_blocks.h"

#include <inttypes.h>
#include <math.h>

#include "runtime/base/error.h"
#include "runtime/device/cpu/transpose.h"

_Static_assert((int)QUERIES == (int)SLUICE__DRAWN, "a row of a square draws its factors at once");

sluice__head sluice__head_at(const sluice__heads *l, int64_t index) {
    const int64_t sample = index / l->heads, h = index % l->heads, all = l->heads * l->width;
    const int64_t kv = h / (l->heads / l->kv_heads), all_kv = l->kv_heads * l->width;
    const int64_t stride = all + 2 * all_kv, row = sample * l->length * stride;
    return (sluice__head){.type       = l->type,
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

sluice__attention_work sluice__attention_work_of(const sluice_device *device, int thread) {
    const ptrdiff_t pair = (ptrdiff_t)KEYS * QUERIES;
    float *const first   = sluice__attention_space(device, thread);
    return (sluice__attention_work){first, first + pair, first + 2 * pair,
                                    sluice__product_space(device, thread),
                                    sluice__results(device, thread)};
}

sluice__pair sluice__pair_at(const sluice__head *h, int64_t query, int64_t key) {
    const int64_t queries = sluice__min(QUERIES, h->length - query);
    return (sluice__pair){query, queries, key, sluice__min(KEYS, query + queries - key)};
}

/* ---- dropout ---- */

SLUICE__LOOP void multiply_rows_loop(float *restrict rows, const float *restrict factors,
                                     int64_t count) {
    for (int64_t i = 0; i < count; i++) rows[i] *= factors[i];
}
SLUICE__VERSIONS(multiply_rows,
                 (float *restrict rows, const float *restrict factors, int64_t count),
                 (rows, factors, count))

void sluice__drop_scores(float *rows, const sluice__head *h, const sluice__pair *at,
                         float *factors) {
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

sluice__head_rows sluice__rows_in(const void *tensor, const sluice__head *h, int64_t offset,
                                  int64_t stride) {
    return (sluice__head_rows){sluice__element(tensor, h->type, offset), stride};
}

const void *sluice__row_of(const sluice__head_rows *rows, const sluice__head *h, int64_t index) {
    return sluice__element(rows->at, h->type, index * rows->stride);
}

void sluice__score(float *scores, const sluice__head_rows *a, const sluice__head_rows *b,
                   const sluice__head *h, const sluice__pair *at, float *work) {
    sluice__product product = {.c           = scores,
                               .rows        = at->keys,
                               .columns     = at->queries,
                               .inner       = h->width,
                               .c_stride    = QUERIES,
                               .a_stride    = a->stride,
                               .b_stride    = b->stride,
                               .alpha       = 1,
                               .transpose_b = true};
    sluice__set_a(&product, sluice__row_of(a, h, at->key), h->type);
    sluice__set_b(&product, sluice__row_of(b, h, at->query), h->type);
    sluice__multiply(&product, work);
}

void sluice__add_to_queries(const sluice__result *to, const float *scores,
                            const sluice__head_rows *b, const sluice__head *h,
                            const sluice__pair *at, float *work) {
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
    sluice__set_b(&product, sluice__row_of(b, h, at->key), h->type);
    sluice__multiply(&product, work);
}

/* ---- limits ---- */

sluice_status sluice__check_head_width(int64_t width, sluice_type type) {
    enum { WIDEST = SLUICE__RESULTS / QUERIES };
    if (type == SLUICE_TYPE_F32 || width <= WIDEST) return SLUICE_OK;
    const sluice_status status = sluice__fail(
        SLUICE_E_UNSUPPORTED, "heads are %" PRId64 " wide, and attention in bf16 goes up to %d",
        width, WIDEST);
    return sluice__hint(status, "use more heads, or --precision fp32");
}
