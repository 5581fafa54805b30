/* SPDX-License-Identifier: MIT */
/*
 * bf16_product.c -- products of which a or b is bf16: a block of each at a time becomes floats, row
 * by row, whichever way it was stored, and the library multiplies these. Blocks depend on the shape
 * alone; sums over the inner dimension stay in fp32.
 */
#include <assert.h>

#include "runtime/device/blocks.h"
#include "runtime/device/cpu/bf16.h"
#include "runtime/device/cpu/blas.h"
#include "runtime/device/cpu/transpose.h"

enum {
    ALIGN   = 16,  /* of the inner dimension */
    COLUMNS = 512, /* at a time: with so many rows, some of the inner dimension fits */
    TURNED  = 64   /* what is transposed at a time, either way */
};

/* to (rows, columns): from is that, or (columns, rows) if it is transposed. */
static void widen_block(float *to, int64_t to_stride, const uint16_t *from, int64_t from_stride,
                        int64_t rows, int64_t columns, bool transposed) {
    if (!transposed) {
        sluice__widen_rows(to, to_stride, from, from_stride, rows, columns);
        return;
    }
    for (int64_t i = 0; i < rows; i += TURNED)
        for (int64_t j = 0; j < columns; j += TURNED) {
            float piece[TURNED * TURNED];
            const int64_t across = sluice__min(TURNED, rows - i),
                          down   = sluice__min(TURNED, columns - j);
            sluice__widen_rows(piece, TURNED, from + j * from_stride + i, from_stride, down,
                               across);
            sluice__transpose(to + i * to_stride + j, to_stride, piece, TURNED, down, across);
        }
}

/* op(a) or op(b), or a part of it. */
typedef struct operand {
    const float *fp32;
    const uint16_t *bf16; /* in place of fp32; NULL: it is not */
    int64_t stride;
    bool transposed;
} operand;

/* (rows, columns) from (row, column) on, as floats: of a matrix in fp32 those that it has. */
static operand part_of(const operand *whole, int64_t row, int64_t column, int64_t rows,
                       int64_t columns, float *space) {
    operand part = *whole;
    const int64_t at =
        whole->transposed ? column * whole->stride + row : row * whole->stride + column;
    if (!whole->bf16) {
        part.fp32 += at;
        return part;
    }
    widen_block(space, columns, whole->bf16 + at, whole->stride, rows, columns, whole->transposed);
    return (operand){space, NULL, columns, false};
}

/* How much of the inner dimension fits with so many rows and columns, which are at least 1. */
static int64_t depth_of(int64_t rows, int64_t columns, int64_t inner) {
    const int64_t fit = sluice__min(SLUICE__WIDE_A / rows, SLUICE__WIDE_B / columns);
    return fit < inner ? fit / ALIGN * ALIGN : inner;
}

/* Columns from `column` on. */
static bool multiply_columns(const sluice__blas *blas, const sluice__product *p, int64_t column,
                             float *space) {
    const operand a       = {p->a, p->a_bf16, p->a_stride, p->transpose_a},
                  b       = {p->b, p->b_bf16, p->b_stride, p->transpose_b};
    const int64_t columns = sluice__min(COLUMNS, p->columns - column),
                  depth   = depth_of(p->rows, columns, p->inner);
    float *const wide     = space + SLUICE__PANEL;
    assert(depth > 0);
    for (int64_t k = 0; k < p->inner; k += depth) {
        const int64_t inner        = sluice__min(depth, p->inner - k);
        const operand left         = part_of(&a, 0, k, p->rows, inner, wide),
                      right        = part_of(&b, k, column, inner, columns, wide + SLUICE__WIDE_A);
        const sluice__product part = {.c           = p->c + column,
                                      .a           = left.fp32,
                                      .b           = right.fp32,
                                      .rows        = p->rows,
                                      .columns     = columns,
                                      .inner       = inner,
                                      .c_stride    = p->c_stride,
                                      .a_stride    = left.stride,
                                      .b_stride    = right.stride,
                                      .alpha       = p->alpha,
                                      .beta        = k == 0 ? p->beta : 1.0f,
                                      .transpose_a = left.transposed,
                                      .transpose_b = right.transposed};
        if (!sluice__multiply_with(blas, &part, space)) return false;
    }
    return true;
}

bool sluice__multiply_bf16_with(const sluice__blas *blas, const sluice__product *p, float *space) {
    if (p->inner <= 0) {
        sluice__scale_result(p, p->beta);
        return true;
    }
    for (int64_t column = 0; column < p->columns; column += COLUMNS)
        if (!multiply_columns(blas, p, column, space)) return false;
    return true;
}
