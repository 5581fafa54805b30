/* SPDX-License-Identifier: MIT */
/* token_tables.c -- the tables of a vocabulary: tokens by id and by their bytes, and merges. */
#include "runtime/tokenizer/token_tables.h"

#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

/* ---- by id ---- */

static sluice_status reserve_token(sluice__tokens *in, int64_t id, size_t bytes) {
    if (id >= in->capacity) {
        const int64_t wanted = id + 1 > 2 * in->capacity ? id + 1 : 2 * in->capacity;
        SLUICE__TRY(sluice__grow(&in->list, (size_t)wanted, sizeof *in->list));
        in->capacity = wanted;
    }
    return sluice__reserve(&in->bytes, &in->space, in->used + bytes, 1);
}

sluice_status sluice__tokens_add(sluice__tokens *to, int64_t id, const char *text, size_t bytes,
                                 bool is_found) {
    if (id < 0 || id > SLUICE__MAX_TOKEN_ID)
        return sluice__fail(SLUICE_E_PARSE, "token '%.*s' has id %lld; ids are from 0 to %d here",
                            (int)(bytes < 60 ? bytes : 60), text, (long long)id,
                            SLUICE__MAX_TOKEN_ID);
    if (sluice__tokens_get(to, id))
        return sluice__fail(SLUICE_E_PARSE, "two tokens have id %lld, and '%.*s' is one of them",
                            (long long)id, (int)(bytes < 60 ? bytes : 60), text);
    SLUICE__TRY(reserve_token(to, id, bytes));
    to->list[id] = (sluice__token){
        .at = to->used, .bytes = (uint32_t)bytes, .is_there = true, .is_found = is_found};
    if (bytes > 0) memcpy(to->bytes + to->used, text, bytes);
    to->used += bytes;
    if (id >= to->count) to->count = id + 1;
    return SLUICE_OK;
}

void sluice__tokens_free(sluice__tokens *tokens) {
    sluice__free(tokens->list);
    sluice__free(tokens->bytes);
    sluice__free(tokens->slots);
}

const sluice__token *sluice__tokens_get(const sluice__tokens *in, int64_t id) {
    return id >= 0 && id < in->count && in->list[id].is_there ? &in->list[id] : NULL;
}

/* ---- by bytes ---- */

uint64_t sluice__hash(const char *text, size_t bytes) {
    uint64_t hash = bytes * UINT64_C(0x9E3779B97F4A7C15);
    for (size_t at = 0; at < bytes; at += 8) {
        uint64_t eight = 0;
        memcpy(&eight, text + at, bytes - at < 8 ? bytes - at : 8);
        hash = (hash ^ eight) * UINT64_C(0xD6E8FEB86659FD93);
        hash ^= hash >> 32;
    }
    return hash;
}

/* A power of two that leaves half of the slots free. */
static uint64_t slots_for(size_t count) {
    uint64_t slots = 16;
    while (slots < 2 * (uint64_t)count) slots *= 2;
    return slots;
}

sluice_status sluice__tokens_index(sluice__tokens *tokens) {
    const uint64_t slots = slots_for((size_t)tokens->count);
    SLUICE__TRY(sluice__alloc(&tokens->slots, slots, sizeof *tokens->slots));
    tokens->mask = slots - 1;
    for (int64_t id = 0; id < tokens->count; id++) {
        const sluice__token *const token = &tokens->list[id];
        if (!token->is_there || !token->is_found) continue;
        uint64_t slot = sluice__hash(tokens->bytes + token->at, token->bytes) & tokens->mask;
        while (tokens->slots[slot] != 0) slot = (slot + 1) & tokens->mask;
        tokens->slots[slot] = (int32_t)id + 1;
    }
    return SLUICE_OK;
}

int32_t sluice__tokens_find(const sluice__tokens *in, const char *text, size_t bytes) {
    uint64_t slot = sluice__hash(text, bytes) & in->mask;
    for (; in->slots[slot] != 0; slot = (slot + 1) & in->mask) {
        const int32_t id                 = in->slots[slot] - 1;
        const sluice__token *const token = &in->list[id];
        if (token->bytes == bytes && memcmp(in->bytes + token->at, text, bytes) == 0) return id;
    }
    return -1;
}

/* ---- pairs ---- */

sluice_status sluice__merges_make(sluice__merges *out, size_t count) {
    const uint64_t slots = slots_for(count);
    SLUICE__TRY(sluice__alloc(&out->slots, slots, sizeof *out->slots));
    out->mask = slots - 1;
    return SLUICE_OK;
}

void sluice__merges_free(sluice__merges *merges) {
    sluice__free(merges->slots);
}

void sluice__merges_set(sluice__merges *to, int32_t left, int32_t right, uint32_t order,
                        int32_t id) {
    const uint64_t pair = sluice__pair_key(left, right);
    uint64_t slot       = sluice__pair_slot(pair, to->mask);
    while (to->slots[slot].order != 0 && to->slots[slot].pair != pair) slot = (slot + 1) & to->mask;
    to->count += to->slots[slot].order == 0;
    to->slots[slot] = (sluice__merge){pair, order, id};
}
