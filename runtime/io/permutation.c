/* SPDX-License-Identifier: MIT */
/* permutation.c -- a keyed shuffle of 0 .. n-1 that needs no memory. */
#include "runtime/io/permutation.h"

#include "runtime/base/random.h"

enum { ROUNDS = 6 };

/* One pass over 2 * half bits. */
static uint64_t encrypt(uint64_t value, int half, uint64_t seed, uint64_t epoch) {
    const uint64_t mask = ((uint64_t)1 << half) - 1;
    uint64_t left = value >> half, right = value & mask;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const uint32_t counter[4] = {(uint32_t)right, round, (uint32_t)epoch,
                                     (uint32_t)(epoch >> 32)};
        uint32_t random[4];
        sluice__philox(random, counter, seed);
        const uint64_t mixed = left ^ (random[0] & mask);
        left                 = right;
        right                = mixed;
    }
    return left << half | right;
}

uint64_t sluice__permute(uint64_t index, uint64_t n, uint64_t seed, uint64_t epoch) {
    int half = 1;
    while (half < 32 && (uint64_t)1 << (2 * half) < n) half++;
    do index = encrypt(index, half, seed, epoch);
    while (index >= n);
    return index;
}
