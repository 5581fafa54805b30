/* SPDX-License-Identifier: MIT */
/* product.h -- a matrix product as cuBLASLt queues it: fp32, column-major. */
#ifndef SLUICE_TESTS_EMULATION_PRODUCT_H
#define SLUICE_TESTS_EMULATION_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

/* c = alpha op(a) op(b) + beta c. */
typedef struct emu__product {
    int m, n, k, lda, ldb, ldc;
    const float *a, *b;
    float *c;
    float alpha, beta;
    bool transpose_a, transpose_b;
    bool tf32;       /* a and b lose the low 13 bits of their fractions first */
    bool descending; /* sums begin with the last k */
    void *workspace;
    size_t workspace_bytes;
} emu__product;

void emu__product_expect_memory(const emu__product *product, int device, const char *what);
void emu__product_run(void *product);
/* Report what it reads and writes to ThreadSanitizer. */
void emu__product_tell(const emu__product *product);

#endif
