/* SPDX-License-Identifier: MIT */
/*
 * one_row.c -- products with one row, as when a text is generated token by token: bound by reading
 * the matrix, each element of which is used once, so that no library's packing pays.
 */
#include "runtime/device/cpu/one_row.h"

#include "runtime/device/blocks.h"
#include "runtime/device/cpu/loops.h"

/* Where a column is not contiguous, the more of them a task has, the longer are the stretches that
 * it reads; but every thread needs a task. */
enum {
    MIN_COLUMNS = 128, /* of a task there, */
    MAX_COLUMNS = 384,
    TASK        = 1 << 16 /* elements of a task, where it is contiguous */
};

int64_t sluice__row_columns(const sluice__product *whole, int threads) {
    if (!whole->transpose_b) {
        const int64_t share = whole->columns / threads / MIN_COLUMNS * MIN_COLUMNS;
        return share < MIN_COLUMNS ? MIN_COLUMNS : sluice__min(share, MAX_COLUMNS);
    }
    const int64_t columns = TASK / (whole->inner > 0 ? whole->inner : 1);
    return columns > 0 ? columns : 1;
}

/* c (+)= alpha sum, as beta says. */
SLUICE__LOOP void finish(float *restrict c, const float *restrict sum, float alpha, float beta,
                         int64_t count) {
    for (int64_t j = 0; j < count; j++)
        c[j] = beta != 0 ? beta * c[j] + alpha * sum[j] : alpha * sum[j];
}

/* Down the rows of b, four at a time: `columns` of them side by side. */
SLUICE__LOOP void down_loop(const sluice__product *p) {
    float sum[MAX_COLUMNS] = {0};
    const float *b         = p->b;
    int64_t i              = 0;
    for (; i + 4 <= p->inner; i += 4, b += 4 * p->b_stride) {
        const float *const restrict x = p->a + i, *const b1 = b + p->b_stride,
                                    *const b2 = b1 + p->b_stride, *const b3 = b2 + p->b_stride;
        for (int64_t j = 0; j < p->columns; j++)
            sum[j] += (x[0] * b[j] + x[1] * b1[j]) + (x[2] * b2[j] + x[3] * b3[j]);
    }
    for (; i < p->inner; i++, b += p->b_stride)
        for (int64_t j = 0; j < p->columns; j++) sum[j] += p->a[i] * b[j];
    finish(p->c, sum, p->alpha, p->beta, p->columns);
}
SLUICE__VERSIONS(down, (const sluice__product *p), (p))

SLUICE__LOOP void add_products(sluice__lanes *sum, const float *a, const float *b) {
    sluice__lanes x, y;
    sluice__load(&x, a);
    sluice__load(&y, b);
    *sum += x * y;
}

/* Along the rows of b, each of which is one column of the product. */
SLUICE__LOOP void along_loop(const sluice__product *p) {
    const int64_t lanes = SLUICE__LANES;
    for (int64_t j = 0; j < p->columns; j++) {
        const float *const b = p->b + j * p->b_stride;
        sluice__lanes sum[4] = {{0}};
        int64_t i            = 0;
        for (; i + 4 * lanes <= p->inner; i += 4 * lanes)
            for (int64_t k = 0; k < 4; k++)
                add_products(&sum[k], p->a + i + k * lanes, b + i + k * lanes);
        sum[0]      = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        float total = sluice__add_lanes(&sum[0]);
        for (; i < p->inner; i++) total += p->a[i] * b[i];
        finish(p->c + j, &total, p->alpha, p->beta, 1);
    }
}
SLUICE__VERSIONS(along, (const sluice__product *p), (p))

void sluice__multiply_row(const sluice__product *product) {
    if (product->transpose_b)
        along(product);
    else
        down(product);
}
