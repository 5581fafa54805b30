/* SPDX-License-Identifier: MIT */
/*
 * openblas.c -- products by OpenBLAS, and the memory that it keeps for each thread that multiplies:
 * obtained at start, where it can be refused in a sentence.
 *
 * OpenBLAS gives every product a buffer from a pool, which grows by one where more products run at
 * once than ever before. If the system refuses the memory, OpenBLAS (0.3.21 at least; its issue
 * 5289) asks again without end: a thread that never comes back. So the pool is made large enough
 * before there are compute threads, and each request is tried first.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/limits.h"
#include "runtime/base/text.h"
#include "runtime/device/cpu/blas_library.h"

/* While it is loaded it starts a thread for each further core, unless the environment says
 * otherwise. */
static sluice__library library = {.name        = "openblas",
                                  .package     = "libopenblas0-pthread",
                                  .files       = {"libopenblas.so.0"},
                                  .multiply    = "cblas_sgemm",
                                  .variables   = {{"OPENBLAS_NUM_THREADS", "1", false}},
                                  .set_threads = "openblas_set_num_threads"};

/* "OpenBLAS 0.3.21 ..." */
static void describe(char *out, size_t bytes) {
    const char *(*config)(void) = NULL, *(*kernels)(void) = NULL;
    int words = 0;
    sluice__library_find(&config, &library, "openblas_get_config");
    sluice__library_find(&kernels, &library, "openblas_get_corename");
    const char *const text = config ? config() : "OpenBLAS";
    while (text[words] && !(text[words] == ' ' && words > (int)sizeof "OpenBLAS")) words++;
    (void)snprintf(out, bytes, "%.*s (%s)", words, text, kernels ? kernels() : "unknown kernels");
}

static bool multiply(const sluice__product *product, float *panel) {
    (void)panel;
    return sluice__library_cblas(&library, product);
}

/* ---- memory for each thread ---- */

/* Its own BUFFER_SIZE on the processors that this project runs on; test_openblas compares
 * it with what the library takes. */
#define BUFFER_BYTES ((size_t)128 << 20)
/* What else may be allocated between a trial and the request that follows it. */
static const size_t margin = (size_t)1 << 20;

typedef struct pool {
    void *(*take)(int);
    void (*give_back)(void *);
} pool;

/* False: a release without these functions. */
static bool find_pool(pool *out) {
    sluice__library_find(&out->take, &library, "blas_memory_alloc");
    sluice__library_find(&out->give_back, &library, "blas_memory_free");
    return out->take && out->give_back;
}

static bool is_available(void) {
    const size_t bytes = BUFFER_BYTES + margin;
    void *const trial =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return trial != MAP_FAILED && munmap(trial, bytes) == 0;
}

static sluice_status refuse(int have, int threads) {
    char all[32], each[32];
    const sluice_status status = sluice__fail(
        SLUICE_E_HOST_MEMORY,
        "out of host memory: matrix products on %d compute thread%s need %s, %s for each, and "
        "there is memory for %d",
        threads, threads == 1 ? "" : "s", sluice__bytes_text(all, (size_t)threads * BUFFER_BYTES),
        sluice__bytes_text(each, BUFFER_BYTES), have);
    return sluice__hint_limit(status, "use fewer ranks, or fewer threads of each");
}

/* ---- the pool ---- */

/* Take so many buffers at once; what is taken is in `taken`. */
static sluice_status take(const pool *from, void **taken, int threads) {
    for (int t = 0; t < threads; t++) {
        if (is_available()) taken[t] = from->take(0);
        if (!taken[t]) return refuse(t, threads);
    }
    return SLUICE_OK;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int obtained; /* under the lock: how large the pool is known to be */

static sluice_status enlarge(const pool *from, int threads) {
    void **taken = NULL;
    if (threads <= obtained) return SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&taken, (size_t)threads, sizeof *taken));
    const sluice_status status = take(from, taken, threads);
    for (int t = 0; t < threads && taken[t]; t++) from->give_back(taken[t]);
    sluice__free(taken);
    if (status == SLUICE_OK) obtained = threads;
    return status;
}

static sluice_status obtain_buffers(int threads) {
    pool from;
    if (!find_pool(&from)) return SLUICE_OK;
    (void)pthread_mutex_lock(&lock);
    const sluice_status status = enlarge(&from, threads);
    (void)pthread_mutex_unlock(&lock);
    return status;
}

const sluice__blas sluice__blas_openblas = {.name           = "openblas",
                                            .tile_rows      = 128,
                                            .tile_columns   = 512,
                                            .library        = &library,
                                            .describe       = describe,
                                            .multiply       = multiply,
                                            .buffer_bytes   = BUFFER_BYTES,
                                            .obtain_buffers = obtain_buffers};
