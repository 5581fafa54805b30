/* SPDX-License-Identifier: MIT */
/* word_cache.h -- words that an encoder has met, with their tokens: a fixed number, of which a new
 * one replaces another. */
#ifndef SLUICE_TOKENIZER_WORD_CACHE_H
#define SLUICE_TOKENIZER_WORD_CACHE_H

#include "runtime/tokenizer/token_tables.h"

enum { SLUICE__CACHED_BYTES = 30, SLUICE__CACHED_IDS = 8 };

typedef struct sluice__cached_word { /* of 64 bytes */
    uint8_t bytes, count;            /* 0: the slot is free */
    char text[SLUICE__CACHED_BYTES];
    int32_t ids[SLUICE__CACHED_IDS];
} sluice__cached_word;

typedef struct sluice__word_cache {
    sluice__cached_word *slots;
} sluice__word_cache;

/* Release with sluice__word_cache_free(). E_HOST_MEMORY. */
sluice_status sluice__word_cache_make(sluice__word_cache *out);
void sluice__word_cache_free(sluice__word_cache *cache);
/* The slot of a word, which has that word or not; NULL: it is too long for one. */
sluice__cached_word *sluice__word_cache_slot(const sluice__word_cache *in, const char *text,
                                             size_t bytes);
bool sluice__cached_is(const sluice__cached_word *slot, const char *text, size_t bytes);
/* Unless there are too many tokens. */
void sluice__cached_set(sluice__cached_word *slot, const char *text, size_t bytes,
                        const int32_t *ids, size_t count);

#endif
