/* SPDX-License-Identifier: MIT */
/*
 * xsmm.c -- products by LIBXSMM, which compiles a kernel for each small shape as it is first
 * needed.
 *
 * A kernel multiplies `rows` rows of a by a panel of b: at most 64 columns, at most 384 of the
 * inner dimension. It reads both where they are; b is copied to a panel only if it is transposed,
 * or if its rows lie so that they compete for the same lines of a cache. LIBXSMM counts columns
 * first: its "A" is our b, its "B" our a.
 */
#include <libxsmm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/device/blocks.h"
#include "runtime/device/cpu/blas.h"
#include "runtime/device/cpu/transpose.h"

enum { HALF_PAGE_OF_FLOATS = 2048 / sizeof(float) };

/* One panel of a product. */
typedef struct part {
    int64_t column, columns, from, inner; /* `from`: in the inner dimension */
    bool first_write;
} part;

static libxsmm_smmfunction find_kernel(const sluice__product *p, const part *at, int64_t b_stride) {
    const int columns = (int)at->columns, rows = (int)p->rows, inner = (int)at->inner;
    const int b_step = (int)b_stride, a_step = (int)p->a_stride, c_step = (int)p->c_stride;
    const float alpha = 1, beta = at->first_write ? 0.0f : 1.0f;
    const int flags = p->transpose_a ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    const int ahead = LIBXSMM_PREFETCH_NONE;
    return libxsmm_smmdispatch(columns, rows, inner, &b_step, &a_step, &c_step, &alpha, &beta,
                               &flags, &ahead);
}

/* Rows of b one below the other in a cache whose ways are pages: all compete for one or two lines
 * of each way. */
static bool rows_collide(const sluice__product *p) {
    return p->b_stride % HALF_PAGE_OF_FLOATS == 0;
}

/* Where the kernel reads the panel. */
static const float *find_panel(const sluice__product *p, const part *at, float *space,
                               int64_t *stride) {
    const float *const b = p->transpose_b ? p->b + at->column * p->b_stride + at->from
                                          : p->b + at->from * p->b_stride + at->column;
    if (!p->transpose_b && !rows_collide(p)) {
        *stride = p->b_stride;
        return b;
    }
    *stride = SLUICE__PANEL_COLUMNS;
    if (p->transpose_b)
        sluice__transpose(space, *stride, b, p->b_stride, at->columns, at->inner);
    else
        for (int64_t k = 0; k < at->inner; k++)
            memcpy(space + k * *stride, b + k * p->b_stride, (size_t)at->columns * sizeof *b);
    return space;
}

/* False: there is no memory for the kernel's code. */
static bool multiply_panel(const sluice__product *p, const part *at, float *space) {
    int64_t stride;
    const float *const panel         = find_panel(p, at, space, &stride);
    const float *const a             = p->a + at->from * (p->transpose_a ? p->a_stride : 1);
    const libxsmm_smmfunction kernel = find_kernel(p, at, stride);
    if (!kernel) return false;
    kernel(panel, a, p->c + at->column);
    return true;
}

/* Kernels read a where it is, and a transposed one down its columns. What turning it first brings
 * was seen with AVX2 alone. */
static bool wants_rows(void) {
    return libxsmm_get_target_archid() < LIBXSMM_X86_AVX512;
}

/* Kernels know alpha 1 and beta 0 or 1. */
static bool multiply(const sluice__product *p, float *space) {
    if (p->beta != 0 && p->beta != p->alpha) sluice__scale_result(p, p->beta / p->alpha);
    const int64_t blocks = sluice__blocks(p->inner, SLUICE__PANEL_INNER);
    const int64_t inner  = sluice__blocks(p->inner, blocks);
    /* A part of the rows of a stays in the cache while all panels are multiplied by it. */
    for (int64_t from = 0; from < p->inner; from += inner)
        for (int64_t column = 0; column < p->columns; column += SLUICE__PANEL_COLUMNS) {
            const part at = {column, sluice__min(SLUICE__PANEL_COLUMNS, p->columns - column), from,
                             sluice__min(inner, p->inner - from), p->beta == 0 && from == 0};
            if (!multiply_panel(p, &at, space)) return false;
        }
    if (p->alpha != 1) sluice__scale_result(p, p->alpha);
    return true;
}

/* ---- whether it works here ---- */

static const char *vectors(void) {
    const int is = libxsmm_get_target_archid();
    return is >= LIBXSMM_X86_AVX512 ? "AVX-512" : is >= LIBXSMM_X86_AVX2 ? "AVX2" : "AVX";
}

/* It sets a variable by which the OpenMP of the process would bind it to a core. */
static void initialize(void) {
    static const char binding[] = "OMP_PROC_BIND";
    const bool was_set          = getenv(binding) != NULL;
    libxsmm_init();
    if (!was_set) (void)unsetenv(binding);
}

static sluice_status open_xsmm(void) {
    initialize();
    if (libxsmm_get_target_archid() < LIBXSMM_X86_AVX)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "libxsmm needs a processor with AVX, and takes this one for '%s'",
                            libxsmm_get_target_arch());
    if (libxsmm_smmdispatch(16, 16, 16, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED,
                        "libxsmm cannot make code here: it gets no executable memory");
}

static void describe(char *out, size_t bytes) {
    (void)snprintf(out, bytes, "LIBXSMM %d.%d, %s (%s)", LIBXSMM_VERSION_MAJOR,
                   LIBXSMM_VERSION_MINOR, vectors(), libxsmm_get_target_arch());
}

const sluice__blas sluice__blas_xsmm = {.name         = "libxsmm",
                                        .tile_rows    = 512,
                                        .tile_columns = SLUICE__PANEL_COLUMNS,
                                        .wants_rows   = wants_rows,
                                        .open         = open_xsmm,
                                        .describe     = describe,
                                        .multiply     = multiply};
