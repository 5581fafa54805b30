/* SPDX-License-Identifier: MIT */
/* blocks.h -- block sizes, which scratch and its users must agree on: constants, or functions of
 * the shape. */
#ifndef SLUICE_DEVICE_BLOCKS_H
#define SLUICE_DEVICE_BLOCKS_H

#include <stdint.h>

/* Rows whose sum over columns is one partial sum. */
enum { SLUICE__COLUMN_SUM_ROWS = 64 };

static inline int64_t sluice__blocks(int64_t count, int64_t block) {
    return (count + block - 1) / block;
}

static inline int64_t sluice__min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Rows of logits that are in memory at once: enough to keep products efficient (each slab reads all
 * weights of the head and adds to all their gradients), few compared with the minibatch. */
enum { SLUICE__SLAB_ROWS = 256 };

static inline int64_t sluice__slab_rows(int64_t rows) {
    return sluice__min(rows, SLUICE__SLAB_ROWS);
}

/* Classes whose logits the cpu keeps together: as many as a cache holds with their rows of a slab,
 * fewer where that would leave nothing to share among threads. */
static inline int64_t sluice__class_block(int64_t classes) {
    return classes >= 4096 ? 256 : sluice__min(classes, 64);
}
/* Between rows of a block: no multiple of a page, whose lines would compete for a cache. */
static inline int64_t sluice__class_stride(int64_t classes) {
    return sluice__class_block(classes) + 16;
}

#endif
