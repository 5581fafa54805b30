/* SPDX-License-Identifier: MIT */
/* permutation.h -- a keyed shuffle of 0 .. n-1 that needs no memory. */
#ifndef SLUICE_IO_PERMUTATION_H
#define SLUICE_IO_PERMUTATION_H

#include <stdint.h>

/*
 * The image of `index` (< n) under the permutation chosen by (seed, epoch): a balanced Feistel
 * network (Luby & Rackoff 1988) of 6 rounds over the next power of four, walked along its cycle
 * until it lands below n (Black & Rogaway 2002).
 */
uint64_t sluice__permute(uint64_t index, uint64_t n, uint64_t seed, uint64_t epoch);

#endif
