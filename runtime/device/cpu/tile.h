/* SPDX-License-Identifier: MIT */
/*
 * tile.h -- how a product is cut into tasks: fixed tiles of the output, never the inner
 * dimension. Tiles depend on the shape and the library alone, so the bits do not depend on the
 * threads.
 */
#ifndef SLUICE_DEVICE_CPU_TILE_H
#define SLUICE_DEVICE_CPU_TILE_H

#include "runtime/device/cpu/blas.h"
#include "sluice/device.h"

typedef struct sluice__tiled {
    sluice__product whole;
    sluice_type type;                /* of a and b */
    const sluice_device *device;     /* whose threads share it */
    int64_t tile_rows, tile_columns; /* of a tile away from the edges */
    int64_t across;                  /* tiles in a row */
    int64_t count;
} sluice__tiled;

typedef struct sluice__tile {
    int64_t row, column, rows, columns;
} sluice__tile;

/* Of matrices a and b of `type`. */
sluice__tiled sluice__cut(const sluice_device *device, const sluice_matmul *product,
                          sluice_type type);
sluice__tile sluice__tile_at(const sluice__tiled *tiled, int64_t index);
/* Make one tile of the result, whose first element is at c, on thread `thread` of the device's
 * team. */
void sluice__multiply_tile_to(float *c, int64_t c_stride, const sluice__tiled *tiled,
                              const sluice__tile *tile, int thread);
/* The same, where it belongs in the result: fp32. */
void sluice__multiply_tile(const sluice__tiled *tiled, const sluice__tile *tile, int thread);
/* All of them, shared among the team. */
void sluice__multiply_tiles(const sluice__tiled *tiled);

#endif
