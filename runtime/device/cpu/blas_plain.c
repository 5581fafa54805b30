/* SPDX-License-Identifier: MIT */
/* blas_plain.c -- products in plain C: where there is no library, and where a sanitizer must see
 * what is accessed. */
#include <stdio.h>

#include "runtime/device/cpu/blas.h"

static void describe(char *out, size_t bytes) {
    (void)snprintf(out, bytes, "C without a library");
}

/* ThreadSanitizer gets whole rows: with each access training takes seven times as long. */
#ifdef __SANITIZE_THREAD__
#define UNWATCHED __attribute__((noinline, no_sanitize_thread))
void __tsan_read_range(void *at, unsigned long bytes);
void __tsan_write_range(void *at, unsigned long bytes);

static void report(void (*of)(void *at, unsigned long bytes), const float *matrix, int64_t rows,
                   int64_t columns, int64_t stride) {
    for (int64_t i = 0; i < rows; i++)
        of((void *)(matrix + i * stride), (unsigned long)columns * sizeof(float));
}

static void report_accesses(const sluice__product *p) {
    report(__tsan_read_range, p->a, p->transpose_a ? p->inner : p->rows,
           p->transpose_a ? p->rows : p->inner, p->a_stride);
    report(__tsan_read_range, p->b, p->transpose_b ? p->columns : p->inner,
           p->transpose_b ? p->inner : p->columns, p->b_stride);
    report(__tsan_write_range, p->c, p->rows, p->columns, p->c_stride);
}
#else
#define UNWATCHED
static void report_accesses(const sluice__product *p) {
    (void)p;
}
#endif

UNWATCHED static void add_products(const sluice__product *p) {
    const int64_t a_row    = p->transpose_a ? 1 : p->a_stride,
                  a_inner  = p->transpose_a ? p->a_stride : 1;
    const int64_t b_inner  = p->transpose_b ? 1 : p->b_stride,
                  b_column = p->transpose_b ? p->b_stride : 1;
    for (int64_t i = 0; i < p->rows; i++) {
        float *const row = p->c + i * p->c_stride;
        for (int64_t k = 0; k < p->inner; k++) {
            const float factor   = p->alpha * p->a[i * a_row + k * a_inner];
            const float *const b = p->b + k * b_inner;
            for (int64_t j = 0; j < p->columns; j++) row[j] += factor * b[j * b_column];
        }
    }
}

static bool multiply(const sluice__product *p, float *panel) {
    (void)panel;
    report_accesses(p);
    sluice__scale_result(p, p->beta);
    add_products(p);
    return true;
}

const sluice__blas sluice__blas_plain = {.name         = "plain",
                                         .tile_rows    = 128,
                                         .tile_columns = 512,
                                         .describe     = describe,
                                         .multiply     = multiply};
