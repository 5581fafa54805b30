/* SPDX-License-Identifier: MIT */
/*
 * blas.h -- the seam to matrix products on one thread, and the libraries that make them.
 *
 * The compute threads share a product by tiles (tile.h); a library multiplies one tile on the
 * thread that took it. Bits belong to the library, so a process uses one alone.
 */
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

/* A part of b that a library may copy before it multiplies: so many columns, and as much of the
 * inner dimension as stays in a cache of 256 KiB with them. */
enum { SLUICE__PANEL_COLUMNS = 64, SLUICE__PANEL_INNER = 384 };
enum { SLUICE__PANEL = SLUICE__PANEL_COLUMNS * SLUICE__PANEL_INNER }; /* floats */

typedef struct sluice__blas {
    const char *name;
    /* The largest tile that is worth one call; constants, because bits may depend on tiles. */
    int64_t tile_rows, tile_columns;
    /* `panel`: SLUICE__PANEL floats of the calling thread, aligned to a cache line. */
    void (*multiply)(const sluice__product *product, float *panel);
} sluice__blas;

/* The library of this process. */
const sluice__blas *sluice__blas_used(void);
void sluice__multiply(const sluice__product *product, float *panel);

/* What all have in common: c = beta * c, and that alone where there is nothing to add. */
void sluice__scale_result(const sluice__product *product, float by);

extern const sluice__blas sluice__blas_plain; /* instrumented C */
#ifdef SLUICE_USE_XSMM
extern const sluice__blas sluice__blas_xsmm;
#endif

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
