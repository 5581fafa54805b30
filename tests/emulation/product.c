/* SPDX-License-Identifier: MIT */
/* product.c -- the one place that multiplies: sums in the order of k, the same bits at every run.
 */
#include "product.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

bool emu__product_fits(const emu__product *p) {
    const int a_rows = p->transpose_a ? p->k : p->m, b_rows = p->transpose_b ? p->n : p->k;
    const int one = 1;
    return p->m >= 0 && p->n >= 0 && p->k >= 0 && p->batch >= 0 &&
           p->lda >= (a_rows > one ? a_rows : one) && p->ldb >= (b_rows > one ? b_rows : one) &&
           p->ldc >= (p->m > one ? p->m : one) && p->ldd >= (p->m > one ? p->m : one);
}

/* Bytes from the first element of the first matrix to the last of the last. */
static size_t span(int rows, int columns, int leading, long long stride, int batch) {
    if (rows == 0 || columns == 0 || batch == 0) return 0;
    const long long last = stride * (batch - 1) + (long long)(columns - 1) * leading + rows;
    return (size_t)last * sizeof(float);
}

void emu__product_expect_memory(const emu__product *p, int device, const char *what) {
    char name[96];
    const int a_rows = p->transpose_a ? p->k : p->m, a_columns = p->transpose_a ? p->m : p->k;
    const int b_rows = p->transpose_b ? p->n : p->k, b_columns = p->transpose_b ? p->k : p->n;
    const struct {
        const char *name;
        const void *at;
        size_t bytes;
    } sides[] = {
        {"A", p->a, span(a_rows, a_columns, p->lda, p->stride_a, p->batch)},
        {"B", p->b, span(b_rows, b_columns, p->ldb, p->stride_b, p->batch)},
        {"C", p->c, p->beta == 0 ? 0 : span(p->m, p->n, p->ldc, p->stride_c, p->batch)},
        {"D", p->d, span(p->m, p->n, p->ldd, p->stride_d, p->batch)},
        {"bias", p->bias, p->bias ? (size_t)p->m * sizeof(float) : 0},
    };
    for (size_t s = 0; s < sizeof sides / sizeof *sides; s++) {
        size_t length = strlen(what);
        if (length > 64) length = 64;
        memcpy(name, what, length);
        memcpy(name + length, ", ", 2);
        memcpy(name + length + 2, sides[s].name, strlen(sides[s].name) + 1);
        emu__expect_range(sides[s].at, sides[s].bytes, device, name);
    }
}

/* Round to nearest even at 10 bits of fraction: what a tensor core reads. NaNs stay. */
static float to_tf32(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7f800000U) == 0x7f800000U) return x;
    bits += 0xfffU + (bits >> 13 & 1U);
    bits &= ~0x1fffU;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

/* op(x), contiguous: `rows` is that of op(x). */
static float *packed(const float *x, int rows, int columns, int leading, bool transpose,
                     bool tf32) {
    float *const out = emu__need((size_t)rows * (size_t)columns * sizeof *out);
    for (size_t j = 0; j < (size_t)columns; j++)
        for (size_t i = 0; i < (size_t)rows; i++) {
            const float value = transpose ? x[i * (size_t)leading + j] : x[j * (size_t)leading + i];
            out[j * (size_t)rows + i] = tf32 ? to_tf32(value) : value;
        }
    return out;
}

/* Column j of op(a) op(b), in `sum`. */
static void column(float *restrict sum, const float *restrict a, const float *restrict b, int m,
                   int k) {
    memset(sum, 0, (size_t)m * sizeof *sum);
    for (int l = 0; l < k; l++) {
        const float *restrict from = a + (size_t)l * (size_t)m;
        for (int i = 0; i < m; i++) sum[i] += from[i] * b[l];
    }
}

/* With beta 0 c is not read: it may hold NaNs. */
static void run_one(const emu__product *p, long long item) {
    const float *const c = p->beta == 0 ? NULL : p->c + p->stride_c * item;
    float *const d       = p->d + p->stride_d * item;
    float *const a = packed(p->a + p->stride_a * item, p->m, p->k, p->lda, p->transpose_a, p->tf32);
    float *const b = packed(p->b + p->stride_b * item, p->k, p->n, p->ldb, p->transpose_b, p->tf32);
    float *const sum = emu__need((size_t)p->m * sizeof *sum);
    for (size_t j = 0; j < (size_t)p->n; j++) {
        column(sum, a, b + j * (size_t)p->k, p->m, p->k);
        for (size_t i = 0; i < (size_t)p->m; i++) {
            float value = p->alpha * sum[i];
            if (c) value += p->beta * c[j * (size_t)p->ldc + i];
            if (p->bias) value += p->bias[i];
            d[j * (size_t)p->ldd + i] = value;
        }
    }
    free(a);
    free(b);
    free(sum);
}

/* Both ends: filling all of it would take longer than the product. */
static void fill_workspace(const emu__product *p) {
    enum { MOST = 64 * 1024 };
    const size_t bytes = p->workspace_bytes < MOST ? p->workspace_bytes : MOST;
    char *const end    = (char *)p->workspace + p->workspace_bytes;
    emu__writes(p->workspace, bytes);
    memset(p->workspace, 0xFF, bytes);
    emu__writes(end - bytes, bytes);
    memset(end - bytes, 0xFF, bytes);
}

void emu__product_run(void *product) {
    const emu__product *const p = product;
    emu__product_tell(p);
    if (p->workspace) fill_workspace(p);
    if (p->m == 0 || p->n == 0) return;
    for (long long item = 0; item < p->batch; item++) run_one(p, item);
}
