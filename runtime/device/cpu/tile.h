/* SPDX-License-Identifier: MIT */
/*
 * tile.h -- how a product is cut into tasks: fixed tiles of the output, never the inner
 * dimension. Tiles depend on the shape alone, so the bits do not depend on the threads.
 */
#ifndef SLUICE_DEVICE_CPU_TILE_H
#define SLUICE_DEVICE_CPU_TILE_H

#include "runtime/device/cpu/blas.h"

typedef struct sluice__tiling {
    int64_t rows, columns;           /* of the output */
    int64_t tile_rows, tile_columns; /* of a tile away from the edges */
    int64_t across;                  /* tiles beside each other */
    int64_t count;
} sluice__tiling;

typedef struct sluice__tile {
    int64_t row, column, rows, columns;
} sluice__tile;

sluice__tiling sluice__tiling_of(const sluice__product *whole);
sluice__tile sluice__tile_at(const sluice__tiling *tiling, int64_t index);
/* The part of `whole` that makes `tile`. */
void sluice__multiply_tile(const sluice__product *whole, const sluice__tile *tile);

#endif
