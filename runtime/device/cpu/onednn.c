/* SPDX-License-Identifier: MIT */
/*
 * onednn.c -- products by oneDNN, whose threads are OpenMP's.
 *
 * It allocates in each call, and reports a failure; but where it has no memory for code, which it
 * makes in the first call, it ends the process. So the code is made when it is opened.
 */
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/limits.h"
#include "runtime/device/cpu/blas_library.h"

typedef int dnnl_sgemm(char transpose_a, char transpose_b, int64_t rows, int64_t columns,
                       int64_t inner, float alpha, const float *a, int64_t a_stride, const float *b,
                       int64_t b_stride, float beta, float *c, int64_t c_stride);

/* OpenMP would bind the process to a core, and its compute threads with it. */
static sluice__library library = {.name        = "onednn",
                                  .package     = "libdnnl2 or libdnnl3",
                                  .files       = {"libdnnl.so.2", "libdnnl.so.3"},
                                  .multiply    = "dnnl_sgemm",
                                  .variables   = {{"OMP_PROC_BIND", "false", false}},
                                  .set_threads = "omp_set_num_threads"};

/* All transpositions, and products with vectors, each with and without beta. */
static void make_code(float *space) {
    enum { EDGE = 64, ALL = EDGE * EDGE };
    dnnl_sgemm *const sgemm = (dnnl_sgemm *)library.multiplies;
    for (int k = 0; k < 32; k++) {
        const int64_t rows = k & 8 ? 1 : EDGE, columns = k & 16 ? 1 : EDGE;
        (void)sgemm(k & 1 ? 'T' : 'N', k & 2 ? 'T' : 'N', rows, columns, EDGE, 1, space, EDGE,
                    space + ALL, EDGE, k & 4 ? 1.0f : 0.0f, space + (ptrdiff_t)2 * ALL, EDGE);
    }
}

/* More than the code takes. */
static sluice_status try_memory(void) {
    void *trial = NULL;
    if (sluice__alloc(&trial, 1, (size_t)32 << 20) != SLUICE_OK)
        return sluice__hint_limit(
            sluice__fail(SLUICE_E_HOST_MEMORY, "out of host memory: oneDNN needs 32 MiB to start"),
            "choose another library");
    sluice__free(trial);
    return SLUICE_OK;
}

static sluice_status open_onednn(void) {
    static bool is_open;
    float *space = NULL;
    if (is_open) return SLUICE_OK;
    SLUICE__TRY(try_memory());
    SLUICE__TRY(sluice__alloc(&space, 3, (size_t)64 * 64 * sizeof *space));
    sluice__library_use_one_thread(&library);
    make_code(space);
    sluice__free(space);
    is_open = true;
    return SLUICE_OK;
}

static void describe(char *out, size_t bytes) {
    const int *(*version)(void) = NULL; /* a struct that begins with major, minor, patch */
    sluice__library_find(&version, &library, "dnnl_version");
    const int *const number = version ? version() : NULL;
    if (number)
        (void)snprintf(out, bytes, "oneDNN %d.%d.%d", number[0], number[1], number[2]);
    else
        (void)snprintf(out, bytes, "oneDNN of an unknown version");
}

static bool multiply(const sluice__product *p, float *panel) {
    (void)panel;
    dnnl_sgemm *const sgemm = (dnnl_sgemm *)library.multiplies;
    return sgemm(p->transpose_a ? 'T' : 'N', p->transpose_b ? 'T' : 'N', p->rows, p->columns,
                 p->inner, p->alpha, p->a, p->a_stride, p->b, p->b_stride, p->beta, p->c,
                 p->c_stride) == 0;
}

const sluice__blas sluice__blas_onednn = {.name         = "onednn",
                                          .tile_rows    = 128,
                                          .tile_columns = 512,
                                          .library      = &library,
                                          .open         = open_onednn,
                                          .describe     = describe,
                                          .multiply     = multiply};
