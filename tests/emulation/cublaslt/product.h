/* SPDX-License-Identifier: MIT */
/* product.h -- a matrix product as cuBLASLt queues it: column-major, sums in fp32. */
#ifndef SLUICE_TESTS_EMULATION_PRODUCT_H
#define SLUICE_TESTS_EMULATION_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

/* d = alpha op(a) op(b) + beta c + bias. */
typedef struct emu__product {
    int m, n, k, lda, ldb, ldc;
    const void *a, *b, *c;
    const void *bias; /* (m) of d's type, or NULL */
    void *d;          /* may be c; as c */
    float alpha, beta;
    bool ab_bf16, cd_bf16; /* the others are fp32 */
    bool transpose_a, transpose_b;
    bool tf32;       /* a and b lose the low 13 bits of their fractions first */
    bool descending; /* sums begin with the last k */
    void *workspace;
    size_t workspace_bytes;
} emu__product;

static inline size_t emu__element_bytes(bool bf16) {
    return bf16 ? 2 : sizeof(float);
}

void emu__product_expect_memory(const emu__product *product, int device, const char *what);
void emu__product_run(void *product);
/* Report what it reads and writes to ThreadSanitizer. */
void emu__product_tell(const emu__product *product);

#endif
