/* SPDX-License-Identifier: MIT */
/* blas_plain.c -- products in plain C: where there is no library, and where a sanitizer must see
 * every access. */
#include <stdio.h>

#include "runtime/device/cpu/blas.h"

static void describe(char *out, size_t bytes) {
    (void)snprintf(out, bytes, "C without a library");
}

static bool multiply(const sluice__product *p, float *panel) {
    (void)panel;
    const int64_t a_row    = p->transpose_a ? 1 : p->a_stride,
                  a_inner  = p->transpose_a ? p->a_stride : 1;
    const int64_t b_inner  = p->transpose_b ? 1 : p->b_stride,
                  b_column = p->transpose_b ? p->b_stride : 1;
    sluice__scale_result(p, p->beta);
    for (int64_t i = 0; i < p->rows; i++) {
        float *const row = p->c + i * p->c_stride;
        for (int64_t k = 0; k < p->inner; k++) {
            const float factor   = p->alpha * p->a[i * a_row + k * a_inner];
            const float *const b = p->b + k * b_inner;
            for (int64_t j = 0; j < p->columns; j++) row[j] += factor * b[j * b_column];
        }
    }
    return true;
}

const sluice__blas sluice__blas_plain = {.name         = "plain",
                                         .tile_rows    = 128,
                                         .tile_columns = 512,
                                         .describe     = describe,
                                         .multiply     = multiply};
