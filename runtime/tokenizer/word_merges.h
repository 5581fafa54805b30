/* SPDX-License-Identifier: MIT */
/* word_merges.h -- the tokens of one word: its bytes, merged pair by pair. */
#ifndef SLUICE_TOKENIZER_WORD_MERGES_H
#define SLUICE_TOKENIZER_WORD_MERGES_H

#include "runtime/tokenizer/token_tables.h"

/* Scratch memory that grows with the longest word. Starts as {0}. */
typedef struct sluice__word_part sluice__word_part;
typedef struct sluice__word_pair sluice__word_pair;
typedef struct sluice__word_scratch {
    sluice__word_part *parts;
    sluice__word_pair *heap;
    size_t part_space, heap_space, heap_count;
} sluice__word_scratch;
void sluice__word_scratch_free(sluice__word_scratch *scratch);

/* `ids` are those of the word's bytes, and become those of its tokens: the pair that merges first
 * in the file does so first and, of equal ones, the leftmost. E_HOST_MEMORY. */
sluice_status sluice__word_merge(int32_t *ids, size_t *count, const sluice__merges *merges,
                                 sluice__word_scratch *scratch);

#endif
