/* SPDX-License-Identifier: MIT */
/* blas.h -- the seam to matrix products on one thread: a CBLAS, or plain C. */
#ifndef SLUICE_DEVICE_CPU_BLAS_H
#define SLUICE_DEVICE_CPU_BLAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/status.h"

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

/*
 * Memory that the library keeps for each thread that multiplies (blas_buffers.c): its bytes, 0 if
 * there is none; and those of `threads` threads obtained, where a lack of memory can be refused.
 * E_HOST_MEMORY.
 */
size_t sluice__blas_buffer_bytes(void);
sluice_status sluice__blas_obtain_buffers(int threads);

#endif
