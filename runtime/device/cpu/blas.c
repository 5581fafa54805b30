/* SPDX-License-Identifier: MIT */
/* blas.c -- the one file that knows which library multiplies matrices. */
#include "runtime/device/cpu/blas.h"

#include <stddef.h>

void sluice__scale_result(const sluice__product *p, float by) {
    for (int64_t i = 0; i < p->rows; i++) {
        float *const row = p->c + i * p->c_stride;
        for (int64_t j = 0; j < p->columns; j++) row[j] = by == 0 ? 0 : by * row[j];
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

static void multiply_cblas(const sluice__product *p, float *panel) {
    (void)panel;
    if (p->inner == 0) { /* libraries differ in whether they apply beta */
        sluice__scale_result(p, p->beta);
        return;
    }
    cblas_sgemm(CblasRowMajor, transposed(p->transpose_a), transposed(p->transpose_b), (int)p->rows,
                (int)p->columns, (int)p->inner, p->alpha, p->a, (int)p->a_stride, p->b,
                (int)p->b_stride, p->beta, p->c, (int)p->c_stride);
}

static const sluice__blas cblas = {
    .name = "cblas", .tile_rows = 128, .tile_columns = 512, .multiply = multiply_cblas};

#else

void sluice__blas_use_one_thread(void) {
}

#endif

static void multiply_plain(const sluice__product *p, float *panel) {
    (void)panel;
    const int64_t a_row    = p->transpose_a ? 1 : p->a_stride,
                  a_inner  = p->transpose_a ? p->a_stride : 1;
    const int64_t b_inner  = p->transpose_b ? 1 : p->b_stride,
                  b_column = p->transpose_b ? p->b_stride : 1;
    sluice__scale_result(p, p->beta);
    for (int64_t i = 0; i < p->rows; i++) {
        float *const row = p->c + i * p->c_stride;
        for (int64_t k = 0; k < p->inner; k++) {
            const float factor   = p->alpha * p->a[i * a_row + k * a_inner];
            const float *const b = p->b + k * b_inner;
            for (int64_t j = 0; j < p->columns; j++) row[j] += factor * b[j * b_column];
        }
    }
}

const sluice__blas sluice__blas_plain = {
    .name = "plain", .tile_rows = 128, .tile_columns = 512, .multiply = multiply_plain};

/* In the order of preference. */
static const sluice__blas *const all[] = {
#ifdef SLUICE_USE_XSMM
    &sluice__blas_xsmm,
#endif
#ifdef SLUICE_USE_CBLAS
    &cblas,
#endif
    &sluice__blas_plain};

const sluice__blas *sluice__blas_used(void) {
    return all[0];
}

void sluice__multiply(const sluice__product *product, float *panel) {
    if (product->rows > 0 && product->columns > 0) sluice__blas_used()->multiply(product, panel);
}
