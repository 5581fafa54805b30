/* SPDX-License-Identifier: MIT */
/* numbers.c -- what matrices are filled with: a GPU's clock depends on the numbers that it
 * multiplies. */
#include <stdint.h>

#include "bench.h"

void bench_fill(void *memory, size_t bytes) {
    uint16_t *const halves = memory;
    uint32_t random        = 1;
    for (size_t k = 0; k < bytes / sizeof *halves; k++) {
        random    = random * 1664525U + 1013904223U;
        halves[k] = (uint16_t)((random >> 16 & 0x807F) | (0x3C00U + (random >> 8 & 0x0380)));
    }
}
