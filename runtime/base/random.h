/* SPDX-License-Identifier: MIT */
/* random.h -- counter-based random numbers: a value depends on its key and counter only. */
#ifndef SLUICE_BASE_RANDOM_H
#define SLUICE_BASE_RANDOM_H

#include <stdint.h>

/* Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011): four 32-bit numbers for one counter. */
void sluice__philox(uint32_t out[4], const uint32_t counter[4], uint64_t key);

/* The key for one use of random numbers: a hash of seed, purpose and name. */
uint64_t sluice__random_key(uint64_t seed, const char *purpose, const char *name);

#endif
