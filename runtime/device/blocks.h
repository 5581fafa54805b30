/* SPDX-License-Identifier: MIT */
/* blocks.h -- the sizes that scratch and its users share: constants, or functions of the shape. */
#ifndef SLUICE_DEVICE_BLOCKS_H
#define SLUICE_DEVICE_BLOCKS_H

#include <stdint.h>

/* Rows whose sum over columns is one partial sum. */
enum { SLUICE__COLUMN_SUM_ROWS = 64 };

static inline int64_t sluice__blocks(int64_t count, int64_t block) {
    return (count + block - 1) / block;
}

/* Rows of logits that are in memory together: enough to keep the products efficient, few enough
 * that a large vocabulary's slab stays near the cache. */
static inline int64_t sluice__slab_rows(int64_t rows, int64_t classes) {
    const int64_t most = classes <= 4096 ? 256 : 128;
    return rows < most ? rows : most;
}

#endif
