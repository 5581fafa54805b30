/* SPDX-License-Identifier: MIT */
/* token_tables.h -- the tables of a vocabulary: tokens by id, tokens by their bytes, and which two
 * tokens merge into which. */
#ifndef SLUICE_TOKENIZER_TOKEN_TABLES_H
#define SLUICE_TOKENIZER_TOKEN_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/status.h"

enum { SLUICE__MAX_TOKEN_ID = (1 << 20) - 1 }; /* known ones are below 2^19 */

/* ---- by id ---- */

typedef struct sluice__token {
    size_t at; /* of its bytes */
    uint32_t bytes;
    bool is_there, is_special;
    bool is_found; /* sluice__tokens_find() knows it */
} sluice__token;

typedef struct sluice__tokens {
    sluice__token *list;
    int64_t count;    /* the largest id + 1 */
    int64_t capacity; /* of the list */
    char *bytes;
    size_t used, space;
    int32_t *slots; /* by hash: id + 1, 0 if the slot is free */
    uint64_t mask;
} sluice__tokens;

/* A token whose id must be new, and in range. E_PARSE, E_HOST_MEMORY. */
sluice_status sluice__tokens_add(sluice__tokens *to, int64_t id, const char *text, size_t bytes,
                                 bool is_found);
void sluice__tokens_free(sluice__tokens *tokens);
/* After the last was added: sluice__tokens_find() may be called. E_HOST_MEMORY. */
sluice_status sluice__tokens_index(sluice__tokens *tokens);
/* The id of a token by its bytes; -1 if there is none. */
int32_t sluice__tokens_find(const sluice__tokens *in, const char *text, size_t bytes);
/* NULL if there is none of that id. */
const sluice__token *sluice__tokens_get(const sluice__tokens *in, int64_t id);

uint64_t sluice__hash(const char *text, size_t bytes);

/* ---- pairs ---- */

typedef struct sluice__merge {
    uint64_t pair;
    uint32_t order; /* 1 for the first merge of the file; 0: the slot is free */
    int32_t id;     /* of what the two become */
} sluice__merge;

typedef struct sluice__merges {
    sluice__merge *slots;
    uint64_t mask;
    size_t count;
} sluice__merges;

/* For at most `count` merges; release with sluice__merges_free(). E_HOST_MEMORY. */
sluice_status sluice__merges_make(sluice__merges *out, size_t count);
void sluice__merges_free(sluice__merges *merges);
/* The last order counts where a pair is set twice. */
void sluice__merges_set(sluice__merges *to, int32_t left, int32_t right, uint32_t order,
                        int32_t id);

static inline uint64_t sluice__pair_key(int32_t left, int32_t right) {
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

static inline uint64_t sluice__pair_slot(uint64_t pair, uint64_t mask) {
    const uint64_t mixed = (pair ^ pair >> 29) * UINT64_C(0x9E3779B97F4A7C15);
    return (mixed ^ mixed >> 32) & mask;
}

/* NULL: the two do not merge. */
static inline const sluice__merge *sluice__merges_get(const sluice__merges *in, int32_t left,
                                                      int32_t right) {
    const uint64_t pair = sluice__pair_key(left, right);
    uint64_t slot       = sluice__pair_slot(pair, in->mask);
    while (in->slots[slot].order != 0) {
        if (in->slots[slot].pair == pair) return &in->slots[slot];
        slot = (slot + 1) & in->mask;
    }
    return NULL;
}

#endif
