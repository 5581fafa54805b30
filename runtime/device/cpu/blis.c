/* SPDX-License-Identifier: MIT */
/* blis.c -- products by BLIS. It ends the process where it gets no memory. */
#include <stdio.h>

#include "runtime/device/cpu/blas_library.h"

/* OpenMP, which it may use, would bind the process to a core. Releases that do not know a processor
 * with AVX-512 take kernels without vectors. */
static sluice__library library = {.name        = "blis",
                                  .package     = "libblis4-pthread",
                                  .files       = {"libblis.so.4"},
                                  .multiply    = "cblas_sgemm",
                                  .variables   = {{"BLIS_NUM_THREADS", "1", false},
                                                  {"BLIS_ARCH_TYPE", "skx", true},
                                                  {"OMP_PROC_BIND", "false", false}},
                                  .initialize  = "bli_init",
                                  .set_threads = "bli_thread_set_num_threads"};

static void describe(char *out, size_t bytes) {
    const char *(*version)(void)   = NULL;
    const char *(*kernels_of)(int) = NULL;
    int (*kernels)(void)           = NULL;
    sluice__library_find(&version, &library, "bli_info_get_version_str");
    sluice__library_find(&kernels, &library, "bli_arch_query_id");
    sluice__library_find(&kernels_of, &library, "bli_arch_string");
    (void)snprintf(out, bytes, "BLIS %s (%s)", version ? version() : "of an unknown version",
                   kernels && kernels_of ? kernels_of(kernels()) : "unknown kernels");
}

static bool multiply(const sluice__product *product, float *panel) {
    (void)panel;
    return sluice__library_cblas(&library, product);
}

const sluice__blas sluice__blas_blis = {.name         = "blis",
                                        .tile_rows    = 128,
                                        .tile_columns = 512,
                                        .library      = &library,
                                        .describe     = describe,
                                        .multiply     = multiply};
