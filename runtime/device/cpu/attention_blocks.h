/* SPDX-License-Identifier: MIT */
/*
 * attention_blocks.h -- what attention and its gradient share: heads, blocks of queries and keys,
 * and products of a block of each.
 *
 * Scores exist for one pair of blocks at a time, in the thread's workspace, and transposed: a row
 * for each key, a column for each query, so that what a softmax does over keys is done for all
 * queries of the block in the lanes of vectors, and no other operand has to be transposed.
 */
#ifndef SLUICE_DEVICE_CPU_ATTENTION_BLOCKS_H
#define SLUICE_DEVICE_CPU_ATTENTION_BLOCKS_H

#include "runtime/device/cpu/bf16.h"
#include "runtime/device/cpu/cpu.h"

enum { QUERIES = SLUICE__ATTENTION_QUERIES, KEYS = SLUICE__ATTENTION_KEYS };

/* One head of one sample: where its tensors begin, and the strides between positions. */
typedef struct sluice__head {
    sluice_type type;              /* of qkv, out and their gradients */
    int64_t q, k, v, out, lse;     /* offsets of the head's first elements */
    int64_t in_stride, out_stride; /* of qkv and dqkv; of out and dout */
    int64_t length, width;
    float scale;
    const sluice_dropout *dropout; /* NULL: none */
    int64_t sample, number;        /* of the head in its sample */
} sluice__head;

/* What an attention and its gradient have in common. */
typedef struct sluice__heads {
    sluice_type type;
    int64_t length, heads, kv_heads, width;
    const sluice_dropout *dropout;
} sluice__heads;

/* Query head `index` of all samples' heads. */
sluice__head sluice__head_at(const sluice__heads *heads, int64_t index);
/* E_UNSUPPORTED: a block of queries does not fit where results are kept until they are bf16. */
sluice_status sluice__check_head_width(int64_t width, sluice_type type);

/* A thread's workspace. */
typedef struct sluice__attention_work {
    float *scores;  /* (KEYS, QUERIES) */
    float *slopes;  /* the same: their gradients */
    float *factors; /* 2 (QUERIES, QUERIES): of dropout, as drawn and transposed */
    float *product; /* of products: SLUICE__PRODUCT_SPACE */
    float *results; /* rows of bf16 tensors, while they are computed */
} sluice__attention_work;

sluice__attention_work sluice__attention_work_of(const sluice_device *device, int thread);

/* A block of queries with a block of keys: those from which on, and how many. A key is masked for
 * the queries before it. */
typedef struct sluice__pair {
    int64_t query, queries, key, keys;
} sluice__pair;

sluice__pair sluice__pair_at(const sluice__head *h, int64_t query, int64_t key);

/* Rows of one head in a tensor of the head's type: where the first one begins, and how far apart
 * they are. */
typedef struct sluice__head_rows {
    const void *at;
    int64_t stride;
} sluice__head_rows;

sluice__head_rows sluice__rows_in(const void *tensor, const sluice__head *h, int64_t offset,
                                  int64_t stride);
const void *sluice__row_of(const sluice__head_rows *rows, const sluice__head *h, int64_t index);

/* scores (keys, QUERIES) = a b^T: rows of `a` from the first key on, of `b` from the first query.
 */
void sluice__score(float *scores, const sluice__head_rows *a, const sluice__head_rows *b,
                   const sluice__head *h, const sluice__pair *at, float *work);
/* to (queries, width) (+)= scores^T b: rows of `to` for the pair's queries, of `b` from the first
 * key on. */
void sluice__add_to_queries(const sluice__result *to, const float *scores,
                            const sluice__head_rows *b, const sluice__head *h,
                            const sluice__pair *at, float *work);
/* rows (keys, QUERIES) times the factors of the pair's probabilities. */
void sluice__drop_scores(float *rows, const sluice__head *h, const sluice__pair *at,
                         float *factors);

/* Row j of the scores is set to `to` where its key is masked: for the first j - diagonal queries.
 */
SLUICE__LOOP void sluice__mask(float *scores, const sluice__pair *at, float to) {
    const int64_t diagonal = at->query - at->key;
    for (int64_t j = diagonal < 0 ? 0 : diagonal + 1; j < at->keys; j++)
        for (int64_t i = 0; i < j - diagonal && i < at->queries; i++) scores[j * QUERIES + i] = to;
}

#endif
