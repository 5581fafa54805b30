/* SPDX-License-Identifier: MIT */
/* product.h -- a matrix product as both cuBLAS and cuBLASLt queue it: fp32, column-major. */
#ifndef SLUICE_TESTS_EMULATION_PRODUCT_H
#define SLUICE_TESTS_EMULATION_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

/* d = alpha op(a) op(b) + beta c (+ bias, one for each row of d), `batch` times. */
typedef struct emu__product {
    int m, n, k, lda, ldb, ldc, ldd, batch;
    long long stride_a, stride_b, stride_c, stride_d;
    const float *a, *b, *c, *bias;
    float *d;
    float alpha, beta;
    bool transpose_a, transpose_b;
    bool tf32; /* a and b lose the low 13 bits of their fractions first */
    void *workspace;
    size_t workspace_bytes;
} emu__product;

bool emu__product_fits(const emu__product *product); /* sizes and leading dimensions */
void emu__product_expect_memory(const emu__product *product, int device, const char *what);
void emu__product_run(void *product);
/* What it reads and writes, said to ThreadSanitizer. */
void emu__product_tell(const emu__product *product);

#endif
