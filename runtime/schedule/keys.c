/* SPDX-License-Identifier: MIT */
/* keys.c -- the map from keys to numbers: a hash table with linear probing. */
#include "runtime/schedule/keys.h"

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

static sluice__key *find(const sluice__keys *keys, uint64_t key) {
    const size_t mask = keys->capacity - 1;
    size_t at = (size_t)((key * 0x9E3779B97F4A7C15u) >> 20) & mask; /* 2^64 / golden ratio */
    while (keys->table[at].key != 0 && keys->table[at].key != key) at = (at + 1) & mask;
    return &keys->table[at];
}

static sluice_status grow(sluice__keys *keys) {
    sluice__keys larger = {.capacity = keys->capacity ? 2 * keys->capacity : 64,
                           .count    = keys->count};
    SLUICE__TRY(sluice__alloc(&larger.table, larger.capacity, sizeof *larger.table));
    for (size_t k = 0; k < keys->capacity; k++)
        if (keys->table[k].key != 0) *find(&larger, keys->table[k].key) = keys->table[k];
    sluice__free(keys->table);
    *keys = larger;
    return SLUICE_OK;
}

sluice_status sluice__keys_find(int **number, sluice__keys *keys, uint64_t key) {
    if (2 * keys->count >= keys->capacity) SLUICE__TRY(grow(keys));
    sluice__key *const entry = find(keys, key);
    keys->count += entry->key == 0;
    entry->key = key;
    *number    = &entry->number;
    return SLUICE_OK;
}

int sluice__keys_get(const sluice__keys *keys, uint64_t key) {
    return keys->capacity > 0 ? find(keys, key)->number : 0;
}

void sluice__keys_free(sluice__keys *keys) {
    sluice__free(keys->table);
    *keys = (sluice__keys){0};
}
