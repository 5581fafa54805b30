/* SPDX-License-Identifier: MIT */
/* blas.h -- the seam to matrix products on one thread: a CBLAS, or plain C. */
#ifndef SLUICE_DEVICE_CPU_BLAS_H
#define SLUICE_DEVICE_CPU_BLAS_H

#include <stdbool.h>
#include <stdint.h>

/* c = alpha * op(a) op(b) + beta * c; strides are between rows, as stored. With beta 0 what `c`
 * held does not matter. */
typedef struct sluice__product {
    float *c;
    const float *a, *b;
    int64_t rows, columns, inner;
    int64_t c_stride, a_stride, b_stride;
    float alpha, beta;
    bool transpose_a, transpose_b;
} sluice__product;

void sluice__multiply(const sluice__product *product);

/* Every compute thread calls this before its first product. */
void sluice__blas_use_one_thread(void);

#endif
