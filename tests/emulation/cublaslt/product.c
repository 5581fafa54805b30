/* SPDX-License-Identifier: MIT */
/* product.c -- the one place that multiplies: sums in ascending or descending order of k, with the
 * same bits in every run. */
#include "product.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Bytes from a matrix's first element to its last. */
static size_t span(int rows, int columns, int leading, bool bf16) {
    if (rows == 0 || columns == 0) return 0;
    return ((size_t)(columns - 1) * (size_t)leading + (size_t)rows) * emu__element_bytes(bf16);
}

void emu__product_expect_memory(const emu__product *p, int device, const char *what) {
    const int a_rows = p->transpose_a ? p->k : p->m, a_columns = p->transpose_a ? p->m : p->k;
    const int b_rows = p->transpose_b ? p->n : p->k, b_columns = p->transpose_b ? p->k : p->n;
    char name[64];
    const struct {
        const char *name;
        const void *at;
        size_t bytes;
    } sides[] = {
        {"A", p->a, span(a_rows, a_columns, p->lda, p->ab_bf16)},
        {"B", p->b, span(b_rows, b_columns, p->ldb, p->ab_bf16)},
        {"C", p->c, p->beta != 0 ? span(p->m, p->n, p->ldc, p->cd_bf16) : 0},
        {"D", p->d, span(p->m, p->n, p->ldc, p->cd_bf16)},
        {"the bias", p->bias, p->bias ? span(p->m, 1, p->m, p->cd_bf16) : 0},
    };
    for (size_t s = 0; s < sizeof sides / sizeof *sides; s++) {
        (void)snprintf(name, sizeof name, "%s, %s", what, sides[s].name);
        emu__expect_range(sides[s].at, sides[s].bytes, device, name);
    }
}

/* Round to nearest even at 10 bits of fraction, as tensor cores do. NaNs stay. */
static float to_tf32(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7f800000U) == 0x7f800000U) return x;
    bits += 0xfffU + (bits >> 13 & 1U);
    bits &= ~0x1fffU;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

static float element_at(const void *x, bool bf16, size_t index) {
    float value;
    if (!bf16) return ((const float *)x)[index];
    const uint32_t bits = (uint32_t)((const uint16_t *)x)[index] << 16;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Rounded to nearest even. */
static void put(void *x, bool bf16, size_t index, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const bool nan = (bits & 0x7fffffffU) > 0x7f800000U;
    if (bf16)
        ((uint16_t *)x)[index] =
            nan ? 0x7fff : (uint16_t)((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
    else
        ((float *)x)[index] = value;
}

/* op(x), contiguous floats: `rows` is that of op(x). */
static float *packed(const emu__product *p, const void *x, int rows, int columns, int leading,
                     bool transpose) {
    float *const out = emu__need((size_t)rows * (size_t)columns * sizeof *out);
    for (size_t j = 0; j < (size_t)columns; j++)
        for (size_t i = 0; i < (size_t)rows; i++) {
            const size_t at   = transpose ? i * (size_t)leading + j : j * (size_t)leading + i;
            const float value = element_at(x, p->ab_bf16, at);
            out[j * (size_t)rows + i] = p->tf32 ? to_tf32(value) : value;
        }
    return out;
}

/* Column j of op(a) op(b), in `sum`. */
static void column(const emu__product *p, float *restrict sum, const float *restrict a,
                   const float *restrict b) {
    const size_t m = (size_t)p->m;
    memset(sum, 0, m * sizeof *sum);
    for (int step = 0; step < p->k; step++) {
        const size_t l             = (size_t)(p->descending ? p->k - 1 - step : step);
        const float *restrict from = a + l * m;
        for (size_t i = 0; i < m; i++) sum[i] += from[i] * b[l];
    }
}

/* Element (i, j) of d. With beta 0, c is not read, so it may hold NaNs. */
static float finished(const emu__product *p, float sum, size_t i, size_t j) {
    float value = p->alpha * sum;
    if (p->beta != 0) value += p->beta * element_at(p->c, p->cd_bf16, j * (size_t)p->ldc + i);
    return p->bias ? value + element_at(p->bias, p->cd_bf16, i) : value;
}

static void multiply(const emu__product *p) {
    float *const a   = packed(p, p->a, p->m, p->k, p->lda, p->transpose_a);
    float *const b   = packed(p, p->b, p->k, p->n, p->ldb, p->transpose_b);
    float *const sum = emu__need((size_t)p->m * sizeof *sum);
    for (size_t j = 0; j < (size_t)p->n; j++) {
        column(p, sum, a, b + j * (size_t)p->k);
        for (size_t i = 0; i < (size_t)p->m; i++)
            put(p->d, p->cd_bf16, j * (size_t)p->ldc + i, finished(p, sum[i], i, j));
    }
    free(a);
    free(b);
    free(sum);
}

/* Both ends only: filling all of it would take longer than the product. */
static void fill_workspace(const emu__product *p) {
    enum { MAX_BYTES = 64 * 1024 };
    const size_t bytes = p->workspace_bytes < MAX_BYTES ? p->workspace_bytes : MAX_BYTES;
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
    multiply(p);
}
