/* SPDX-License-Identifier: MIT */
/*
 * blas_buffers.c -- memory that the BLAS keeps for each thread that multiplies: obtained at start,
 * where it can be refused in a sentence.
 *
 * OpenBLAS gives every product a buffer from a pool, which grows by one where more products run at
 * once than ever before. If the system refuses the memory, OpenBLAS (0.3.21 at least; its issue
 * 5289) asks again without end: a thread that never comes back. So the pool is made large enough
 * before there are compute threads, and each request is tried first.
 */
#include <stddef.h>

#include "runtime/device/cpu/blas.h"

#ifdef SLUICE_USE_CBLAS

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/limits.h"
#include "runtime/base/text.h"

/* BUFFER_SIZE of OpenBLAS on the processors that this project runs on; test_blas_buffers compares
 * it with what the library takes. */
static const size_t buffer_bytes = (size_t)128 << 20;
/* What else may be allocated between a trial and the request that follows it. */
static const size_t margin = (size_t)1 << 20;

typedef struct pool {
    void *(*take)(int);
    void (*give_back)(void *);
} pool;

/* By name, as another library may be in use, which has no such pool. */
static bool find_pool(pool *out) {
    void *const take      = dlsym(RTLD_DEFAULT, "blas_memory_alloc");
    void *const give_back = dlsym(RTLD_DEFAULT, "blas_memory_free");
    if (!take || !give_back || !dlsym(RTLD_DEFAULT, "openblas_get_config")) return false;
    memcpy(&out->take, &take, sizeof take); /* ISO C has no cast from an object to a function */
    memcpy(&out->give_back, &give_back, sizeof give_back);
    return true;
}

size_t sluice__blas_buffer_bytes(void) {
    pool unused;
    return find_pool(&unused) ? buffer_bytes : 0;
}

static bool is_available(void) {
    const size_t bytes = buffer_bytes + margin;
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
        threads, threads == 1 ? "" : "s", sluice__bytes_text(all, (size_t)threads * buffer_bytes),
        sluice__bytes_text(each, buffer_bytes), have);
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

sluice_status sluice__blas_obtain_buffers(int threads) {
    pool from;
    if (!find_pool(&from)) return SLUICE_OK;
    (void)pthread_mutex_lock(&lock);
    const sluice_status status = enlarge(&from, threads);
    (void)pthread_mutex_unlock(&lock);
    return status;
}

#else

size_t sluice__blas_buffer_bytes(void) {
    return 0;
}

sluice_status sluice__blas_obtain_buffers(int threads) {
    (void)threads;
    return SLUICE_OK;
}

#endif
