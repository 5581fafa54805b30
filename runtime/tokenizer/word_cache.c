/* SPDX-License-Identifier: MIT */
/* word_cache.c -- words that an encoder has met, with their tokens. */
#include "runtime/tokenizer/word_cache.h"

#include <assert.h>
#include <string.h>

#include "runtime/base/alloc.h"

enum { SLOTS = 1 << 16 };
static_assert(sizeof(sluice__cached_word) == 64, "a word is one line of a processor's cache");

sluice_status sluice__word_cache_make(sluice__word_cache *out) {
    return sluice__alloc(&out->slots, SLOTS, sizeof *out->slots);
}

void sluice__word_cache_free(sluice__word_cache *cache) {
    sluice__free(cache->slots);
}

sluice__cached_word *sluice__word_cache_slot(const sluice__word_cache *in, const char *text,
                                             size_t bytes) {
    if (bytes > SLUICE__CACHED_BYTES) return NULL;
    return &in->slots[sluice__hash(text, bytes) % SLOTS];
}

bool sluice__cached_is(const sluice__cached_word *slot, const char *text, size_t bytes) {
    return slot->bytes == bytes && memcmp(slot->text, text, bytes) == 0;
}

void sluice__cached_set(sluice__cached_word *slot, const char *text, size_t bytes,
                        const int32_t *ids, size_t count) {
    if (count > SLUICE__CACHED_IDS) return;
    slot->bytes = (uint8_t)bytes;
    slot->count = (uint8_t)count;
    memcpy(slot->text, text, bytes);
    memcpy(slot->ids, ids, count * sizeof *ids);
}
