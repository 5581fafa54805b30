/* SPDX-License-Identifier: MIT */
/* tile.c -- the one place that chooses tile sizes. */
#include "runtime/device/cpu/tile.h"

#include "runtime/device/blocks.h"

/* A tile's result and its epilogue's stay in a 512 KiB cache; smaller tiles pack their operands
 * too often. A product is cut until it keeps MANY threads busy, but no tile gets less work than
 * a few times what handing it out costs. */
enum { MOST_ROWS = 128, MOST_COLUMNS = 512, LEAST = 32, MANY = 8, ALIGN = 16 };
static const double least_work = 1 << 20; /* multiply-adds */

/* The extent of equal parts that are at most `most` long, rounded so that vectors fit. */
static int64_t part_of(int64_t extent, int64_t most) {
    const int64_t parts = sluice__blocks(extent, most);
    if (parts <= 1) return extent > 0 ? extent : 1;
    return sluice__blocks(sluice__blocks(extent, parts), ALIGN) * ALIGN;
}

sluice__tiling sluice__tiling_of(const sluice__product *whole) {
    int64_t most_rows = MOST_ROWS, most_columns = MOST_COLUMNS;
    sluice__tiling tiling = {.rows = whole->rows, .columns = whole->columns};
    for (;;) {
        tiling.tile_rows    = part_of(tiling.rows, most_rows);
        tiling.tile_columns = part_of(tiling.columns, most_columns);
        tiling.across       = sluice__blocks(tiling.columns, tiling.tile_columns);
        tiling.count        = sluice__blocks(tiling.rows, tiling.tile_rows) * tiling.across;
        const double work =
            (double)tiling.tile_rows * (double)tiling.tile_columns * (double)whole->inner;
        if (tiling.count >= MANY || work < 2 * least_work) return tiling;
        if (tiling.tile_rows >= tiling.tile_columns && tiling.tile_rows > LEAST)
            most_rows = (tiling.tile_rows + 1) / 2;
        else if (tiling.tile_columns > LEAST)
            most_columns = (tiling.tile_columns + 1) / 2;
        else
            return tiling;
    }
}

sluice__tile sluice__tile_at(const sluice__tiling *tiling, int64_t index) {
    const int64_t row    = index / tiling->across * tiling->tile_rows;
    const int64_t column = index % tiling->across * tiling->tile_columns;
    const int64_t rows = tiling->rows - row, columns = tiling->columns - column;
    return (sluice__tile){row, column, rows < tiling->tile_rows ? rows : tiling->tile_rows,
                          columns < tiling->tile_columns ? columns : tiling->tile_columns};
}

void sluice__multiply_tile(const sluice__product *whole, const sluice__tile *tile) {
    sluice__product part = *whole;
    part.rows            = tile->rows;
    part.columns         = tile->columns;
    part.a += tile->row * (whole->transpose_a ? 1 : whole->a_stride);
    part.b += tile->column * (whole->transpose_b ? whole->b_stride : 1);
    part.c += tile->row * whole->c_stride + tile->column;
    sluice__multiply(&part);
}
