/* SPDX-License-Identifier: MIT */
/*
 * one_row.c -- products with one row, as when a text is generated token by token: bound by reading
 * the matrix, each element of which is used once, so that no library's packing pays.
 */
#include "runtime/device/cpu/one_row.h"

#include "runtime/device/blocks.h"
#include "runtime/device/cpu/bf16.h"

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
    return columns > 0 ? sluice__min(columns, MAX_COLUMNS) : 1;
}

/* c (+)= alpha sum, as beta says. */
SLUICE__LOOP void finish(float *restrict c, const float *restrict sum, float alpha, float beta,
                         int64_t count) {
    for (int64_t j = 0; j < count; j++)
        c[j] = beta != 0 ? beta * c[j] + alpha * sum[j] : alpha * sum[j];
}

/* Loops over b of either type are written once: is_bf16 is a constant where they are compiled. */
SLUICE__LOOP float element(const sluice__product *p, int64_t at, bool is_bf16) {
    return is_bf16 ? sluice__float_of(p->b_bf16[at]) : p->b[at];
}

SLUICE__LOOP void load(sluice__lanes *to, const sluice__product *p, int64_t at, bool is_bf16) {
    if (is_bf16)
        sluice__load_bf16(to, p->b_bf16 + at);
    else
        sluice__load(to, p->b + at);
}

/* Down the rows of b, four at a time: `columns` of them side by side. */
SLUICE__LOOP void down_either(const sluice__product *p, bool is_bf16) {
    float sum[MAX_COLUMNS] = {0};
    int64_t i              = 0;
    for (; i + 4 <= p->inner; i += 4) {
        const float *const restrict x = p->a + i;
        const int64_t b0 = i * p->b_stride, b1 = b0 + p->b_stride, b2 = b1 + p->b_stride,
                      b3 = b2 + p->b_stride;
        for (int64_t j = 0; j < p->columns; j++)
            sum[j] += (x[0] * element(p, b0 + j, is_bf16) + x[1] * element(p, b1 + j, is_bf16)) +
                      (x[2] * element(p, b2 + j, is_bf16) + x[3] * element(p, b3 + j, is_bf16));
    }
    for (; i < p->inner; i++)
        for (int64_t j = 0; j < p->columns; j++)
            sum[j] += p->a[i] * element(p, i * p->b_stride + j, is_bf16);
    finish(p->c, sum, p->alpha, p->beta, p->columns);
}

SLUICE__LOOP void down_loop(const sluice__product *p) {
    down_either(p, false);
}
SLUICE__VERSIONS(down, (const sluice__product *p), (p))

SLUICE__LOOP void down_bf16_loop(const sluice__product *p) {
    down_either(p, true);
}
SLUICE__VERSIONS(down_bf16, (const sluice__product *p), (p))

/* Along the rows of b, each of which is one column of the product. */
SLUICE__LOOP void along_either(const sluice__product *p, bool is_bf16) {
    const int64_t lanes = SLUICE__LANES;
    for (int64_t j = 0; j < p->columns; j++) {
        const int64_t row    = j * p->b_stride;
        sluice__lanes sum[4] = {{0}}, x, y;
        int64_t i            = 0;
        for (; i + 4 * lanes <= p->inner; i += 4 * lanes)
            for (int64_t k = 0; k < 4; k++) {
                sluice__load(&x, p->a + i + k * lanes);
                load(&y, p, row + i + k * lanes, is_bf16);
                sum[k] += x * y;
            }
        sum[0]      = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        float total = sluice__add_lanes(&sum[0]);
        for (; i < p->inner; i++) total += p->a[i] * element(p, row + i, is_bf16);
        finish(p->c + j, &total, p->alpha, p->beta, 1);
    }
}

SLUICE__LOOP void along_loop(const sluice__product *p) {
    along_either(p, false);
}
SLUICE__VERSIONS(along, (const sluice__product *p), (p))

SLUICE__LOOP void along_bf16_loop(const sluice__product *p) {
    along_either(p, true);
}
SLUICE__VERSIONS(along_bf16, (const sluice__product *p), (p))

static void multiply(const sluice__product *p) {
    if (p->b_bf16)
        (p->transpose_b ? along_bf16 : down_bf16)(p);
    else
        (p->transpose_b ? along : down)(p);
}

void sluice__multiply_row(const sluice__product *product, float *space) {
    sluice__product p = *product;
    const int64_t fit = SLUICE__WIDE_A; /* of the inner dimension */
    if (!p.a_bf16) {
        multiply(&p);
        return;
    }
    p.a      = space + SLUICE__PANEL;
    p.a_bf16 = NULL;
    for (int64_t k = 0; k == 0 || k < product->inner; k += fit) {
        p.inner  = sluice__min(fit, product->inner - k);
        p.b_bf16 = product->b_bf16 + (p.transpose_b ? k : k * p.b_stride);
        sluice__widen((float *)p.a, product->a_bf16 + k, p.inner);
        multiply(&p);
        p.beta = 1;
    }
}
