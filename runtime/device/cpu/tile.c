/* SPDX-License-Identifier: MIT */
/* tile.c -- the one file that chooses tile sizes. */
#include "runtime/device/cpu/tile.h"

#include <assert.h>

#include "runtime/device/cpu/bf16.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/cpu/one_row.h"

/* A product is cut until it keeps MANY tasks for threads to take, but every tile has several times
 * more work than it costs to schedule. */
enum { MIN_EXTENT = 32, MANY = 24, ALIGN = 16 };
static const double min_work = 1 << 20; /* multiply-adds: about 10 microseconds */

/* A product with one row has tiles, and a loop, of its own. */
static void choose_columns(sluice__tiled *tiled) {
    const int threads     = tiled->device ? tiled->device->threads : 1;
    const int64_t columns = sluice__row_columns(&tiled->whole, threads);
    tiled->tile_rows      = 1;
    tiled->tile_columns   = columns;
    tiled->across = tiled->count = sluice__blocks(tiled->whole.columns, columns);
}

/* The extent of equal parts that are at most `max` long, rounded so that vectors fit. */
static int64_t part_of(int64_t extent, int64_t max) {
    const int64_t parts = sluice__blocks(extent, max);
    if (parts <= 1) return extent > 0 ? extent : 1;
    return sluice__blocks(sluice__blocks(extent, parts), ALIGN) * ALIGN;
}

static void choose_tiles(sluice__tiled *tiled) {
    const sluice__product *const whole = &tiled->whole;
    int64_t max_rows                   = sluice__blas_used()->tile_rows,
            max_columns                = sluice__blas_used()->tile_columns;
    for (;;) {
        tiled->tile_rows    = part_of(whole->rows, max_rows);
        tiled->tile_columns = part_of(whole->columns, max_columns);
        tiled->across       = sluice__blocks(whole->columns, tiled->tile_columns);
        tiled->count        = sluice__blocks(whole->rows, tiled->tile_rows) * tiled->across;
        const double work =
            (double)tiled->tile_rows * (double)tiled->tile_columns * (double)whole->inner;
        if (tiled->count >= MANY || work < 2 * min_work) return;
        if (tiled->tile_rows >= tiled->tile_columns && tiled->tile_rows > MIN_EXTENT)
            max_rows = (tiled->tile_rows + 1) / 2;
        else if (tiled->tile_columns > MIN_EXTENT)
            max_columns = (tiled->tile_columns + 1) / 2;
        else
            return;
    }
}

sluice__tiled sluice__cut(const sluice_device *device, const sluice_matmul *p, sluice_type type) {
    sluice__tiled tiled = {.whole  = {.c           = p->c,
                                      .rows        = p->rows,
                                      .columns     = p->columns,
                                      .inner       = p->inner,
                                      .c_stride    = p->columns,
                                      .a_stride    = p->transpose_a ? p->rows : p->inner,
                                      .b_stride    = p->transpose_b ? p->inner : p->columns,
                                      .alpha       = p->alpha,
                                      .beta        = p->beta,
                                      .transpose_a = p->transpose_a,
                                      .transpose_b = p->transpose_b},
                           .type   = type,
                           .device = device};
    sluice__set_a(&tiled.whole, p->a, type);
    sluice__set_b(&tiled.whole, p->b, type);
    if (p->rows == 1)
        choose_columns(&tiled);
    else
        choose_tiles(&tiled);
    assert(tiled.tile_columns <= SLUICE__TILE_COLUMNS);
    assert(tiled.tile_rows * tiled.tile_columns <= SLUICE__RESULTS);
    return tiled;
}

sluice__tile sluice__tile_at(const sluice__tiled *tiled, int64_t index) {
    const int64_t row    = index / tiled->across * tiled->tile_rows;
    const int64_t column = index % tiled->across * tiled->tile_columns;
    return (sluice__tile){row, column, sluice__min(tiled->tile_rows, tiled->whole.rows - row),
                          sluice__min(tiled->tile_columns, tiled->whole.columns - column)};
}

void sluice__multiply_tile_to(float *c, int64_t c_stride, const sluice__tiled *tiled,
                              const sluice__tile *tile, int thread) {
    sluice__product part = tiled->whole;
    float *const space   = sluice__product_space(tiled->device, thread);
    const int64_t a_at   = tile->row * (part.transpose_a ? 1 : part.a_stride);
    const int64_t b_at   = tile->column * (part.transpose_b ? part.b_stride : 1);
    part.c               = c;
    part.c_stride        = c_stride;
    part.rows            = tile->rows;
    part.columns         = tile->columns;
    if (part.a_bf16)
        part.a_bf16 += a_at;
    else
        part.a += a_at;
    if (part.b_bf16)
        part.b_bf16 += b_at;
    else
        part.b += b_at;
    if (tiled->whole.rows == 1)
        sluice__multiply_row(&part, space);
    else
        sluice__multiply(&part, space);
}

void sluice__multiply_tile(const sluice__tiled *tiled, const sluice__tile *tile, int thread) {
    const sluice__product *const whole = &tiled->whole;
    sluice__multiply_tile_to(whole->c + tile->row * whole->c_stride + tile->column, whole->c_stride,
                             tiled, tile, thread);
}

static void multiply_task(const void *tiled, int64_t task, int thread) {
    const sluice__tile tile = sluice__tile_at(tiled, task);
    sluice__multiply_tile(tiled, &tile, thread);
}

void sluice__multiply_tiles(const sluice__tiled *tiled) {
    sluice__team_run(tiled->device->team, tiled->count, multiply_task, tiled);
}
