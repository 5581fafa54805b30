/* SPDX-License-Identifier: MIT */
/* blas.c -- the one file that knows which library multiplies matrices. */
#include "runtime/device/cpu/blas.h"

#include <stddef.h>

/* A product whose inner dimension is 0: libraries differ in whether they apply beta. */
static void scale_result(const sluice__product *p) {
    for (int64_t i = 0; i < p->rows; i++) {
        float *const row = p->c + i * p->c_stride;
        for (int64_t j = 0; j < p->columns; j++) row[j] = p->beta == 0 ? 0 : p->beta * row[j];
    }
}

#ifdef SLUICE_USE_CBLAS

#include <cblas.h>
#include <dlfcn.h>
#include <string.h>

/*
 * The library's own threads would compete with the team's. Some libraries keep the number per
 * process, some per thread, and they name the setter differently: it is looked up by name, so that
 * another library can be used without rebuilding.
 */
void sluice__blas_use_one_thread(void) {
    static const char *const setters[] = {"openblas_set_num_threads", "bli_thread_set_num_threads",
                                          "MKL_Set_Num_Threads_Local", "omp_set_num_threads"};
    for (size_t s = 0; s < sizeof setters / sizeof setters[0]; s++) {
        void *const symbol = dlsym(RTLD_DEFAULT, setters[s]);
        if (!symbol) continue;
        void (*set)(int) = NULL;
        memcpy(&set, &symbol, sizeof set); /* ISO C has no cast from an object to a function */
        set(1);
    }
}

static CBLAS_TRANSPOSE transposed(bool yes) {
    return yes ? CblasTrans : CblasNoTrans;
}

void sluice__multiply(const sluice__product *p) {
    if (p->rows == 0 || p->columns == 0) return;
    if (p->inner == 0) {
        scale_result(p);
        return;
    }
    cblas_sgemm(CblasRowMajor, transposed(p->transpose_a), transposed(p->transpose_b), (int)p->rows,
                (int)p->columns, (int)p->inner, p->alpha, p->a, (int)p->a_stride, p->b,
                (int)p->b_stride, p->beta, p->c, (int)p->c_stride);
}

#else

void sluice__blas_use_one_thread(void) {
}

void sluice__multiply(const sluice__product *p) {
    const int64_t a_row    = p->transpose_a ? 1 : p->a_stride,
                  a_inner  = p->transpose_a ? p->a_stride : 1;
    const int64_t b_inner  = p->transpose_b ? 1 : p->b_stride,
                  b_column = p->transpose_b ? p->b_stride : 1;
    scale_result(p);
    for (int64_t i = 0; i < p->rows; i++) {
        float *const row = p->c + i * p->c_stride;
        for (int64_t k = 0; k < p->inner; k++) {
            const float factor   = p->alpha * p->a[i * a_row + k * a_inner];
            const float *const b = p->b + k * b_inner;
            for (int64_t j = 0; j < p->columns; j++) row[j] += factor * b[j * b_column];
        }
    }
}

#endif
