/* SPDX-License-Identifier: MIT */
/* keys.h -- a map from keys to numbers: what the reader has seen so far. */
#ifndef SLUICE_SCHEDULE_KEYS_H
#define SLUICE_SCHEDULE_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "sluice/status.h"

typedef struct sluice__key {
    uint64_t key; /* 0: empty */
    int number;
} sluice__key;

/* Starts as {0}; release with sluice__keys_free(). */
typedef struct sluice__keys {
    sluice__key *table;
    size_t capacity, count; /* the capacity is a power of two, never full */
} sluice__keys;

/* `*number` points to the number of `key`, which is 0 if the key is new; valid until the next call.
 * `key` is not 0. E_HOST_MEMORY. */
sluice_status sluice__keys_find(int **number, sluice__keys *keys, uint64_t key);
/* The number of `key`; 0: it is not there. */
int sluice__keys_get(const sluice__keys *keys, uint64_t key);
void sluice__keys_free(sluice__keys *keys);

#endif
