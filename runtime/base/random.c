/* SPDX-License-Identifier: MIT */
/* random.c -- the one source of randomness. */
#include "runtime/base/random.h"

void sluice__philox(uint32_t out[4], const uint32_t counter[4], uint64_t key) {
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t first  = (uint64_t)a * 0xD2511F53U;
        const uint64_t second = (uint64_t)c * 0xCD9E8D57U;
        a                     = (uint32_t)(second >> 32) ^ b ^ low;
        b                     = (uint32_t)second;
        c                     = (uint32_t)(first >> 32) ^ d ^ high;
        d                     = (uint32_t)first;
        low += 0x9E3779B9U; /* Weyl sequences: the golden ratio, and sqrt(3) - 1 */
        high += 0xBB67AE85U;
    }
    out[0] = a, out[1] = b, out[2] = c, out[3] = d;
}

/* One byte of FNV-1a, 64 bit. */
static uint64_t hash_byte(uint64_t hash, unsigned char byte) {
    return (hash ^ byte) * 0x100000001B3U;
}

/* With the NUL, so that two texts are not hashed as their concatenation. */
static uint64_t hash_text(uint64_t hash, const char *text) {
    do hash = hash_byte(hash, (unsigned char)*text);
    while (*text++ != '\0');
    return hash;
}

uint64_t sluice__random_key(uint64_t seed, const char *purpose, const char *name) {
    uint64_t hash = 0xCBF29CE484222325U;
    for (int byte = 0; byte < 8; byte++) hash = hash_byte(hash, (unsigned char)(seed >> 8 * byte));
    return hash_text(hash_text(hash, purpose), name);
}
