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

#include "sluice/blas.h"

/* c = alpha * op(a) op(b) + beta * c; strides are between rows, as stored. With beta 0 what `c`
 * held does not matter. */
typedef struct sluice__product {
    float *c;
    const float *a, *b;
    const uint16_t *a_bf16, *b_bf16; /* in place of a, of b; libraries never see one */
    int64_t rows, columns, inner;
    int64_t c_stride, a_stride, b_stride;
    float alpha, beta;
    bool transpose_a, transpose_b;
} sluice__product;

/* A part of b that a library may copy before it multiplies: so many columns, and as much of the
 * inner dimension as stays in a cache of 256 KiB with them. */
enum { SLUICE__PANEL_COLUMNS = 64, SLUICE__PANEL_INNER = 384 };
enum { SLUICE__PANEL = SLUICE__PANEL_COLUMNS * SLUICE__PANEL_INNER }; /* floats */

/* What a thread multiplies in: a panel, then blocks of a and b that were bf16. */
enum {
    SLUICE__WIDE_A        = 96 << 10, /* floats */
    SLUICE__WIDE_B        = 64 << 10,
    SLUICE__PRODUCT_SPACE = SLUICE__PANEL + SLUICE__WIDE_A + SLUICE__WIDE_B
};

enum { SLUICE__TILE_COLUMNS = 512 };

typedef struct sluice__blas {
    const char *name;
    /* The largest tile that is worth one call; constants, because bits may depend on tiles. */
    int64_t tile_rows, tile_columns; /* at most SLUICE__TILE_COLUMNS */
    /* Whether a transposed a is better turned before (turn.h); NULL: it is not. Bits may depend on
     * it. */
    bool (*wants_rows)(void);
    struct sluice__library *library; /* what is loaded for it (blas_library.h); NULL: nothing */
    /* Make it usable, once it is loaded and before all rows below; a second call does nothing.
     * One thread at a time. E_UNSUPPORTED: why it cannot be used here; E_HOST_MEMORY. NULL: there
     * is nothing to do. */
    sluice_status (*open)(void);
    void (*describe)(char *out, size_t bytes);
    /* At least one row, column and element of the inner dimension, and alpha is not 0. `panel`:
     * SLUICE__PANEL floats of the calling thread, aligned to a cache line. False: out of memory,
     * and `c` is undefined. */
    bool (*multiply)(const sluice__product *product, float *panel);
    /* Memory that it keeps for each thread that multiplies, and those of `threads` threads
     * obtained, where a lack of memory can be refused (E_HOST_MEMORY); 0 and NULL: none. */
    size_t buffer_bytes;
    sluice_status (*obtain_buffers)(int threads);
} sluice__blas;

extern const sluice__blas sluice__blas_xsmm, sluice__blas_onednn, sluice__blas_openblas,
    sluice__blas_blis, sluice__blas_plain;

/* ---- the library of this process (blas.c) ---- */

/* What sluice_blas_find() names, opened. */
sluice_status sluice__blas_find(const sluice__blas **out, const char *name);
/* Use it from here on. E_ARGUMENT: the process uses another one already. */
sluice_status sluice__blas_choose(const char *name);
/* The one that is used; if none is yet, "auto" is chosen. */
const sluice__blas *sluice__blas_used(void);
/* What is slow about it, one sentence; "" if nothing. */
const char *sluice__blas_degradation(void);
/* Called by each compute thread before its first product with the library that is used. */
void sluice__blas_use_one_thread(void);

/* ---- products ---- */

/* Of fp32 matrices. False: out of memory, and `c` is undefined. */
bool sluice__multiply_with(const sluice__blas *blas, const sluice__product *product, float *panel);
/* Of which one or both are bf16, with 1 to 512 rows; `space`: SLUICE__PRODUCT_SPACE floats. */
bool sluice__multiply_bf16_with(const sluice__blas *blas, const sluice__product *product,
                                float *space);
/* Of either, with the one that is used. One that runs out of memory is counted. */
void sluice__multiply(const sluice__product *product, float *space);
unsigned sluice__blas_failures(void);
/* c = beta * c, and that alone where there is nothing to add. */
void sluice__scale_result(const sluice__product *product, float by);

#endif
