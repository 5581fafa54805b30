/* SPDX-License-Identifier: MIT */
/* blas_library.c -- the one file that loads libraries of products, each without threads of its
 * own. */
#include "runtime/device/cpu/blas_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/limits.h"
#include "runtime/device/cpu/loops.h"

/* ---- the environment ---- */

static bool is_set(const sluice__variable *variable) {
    if (!variable->name) return false;
    return !variable->is_kernels || (sluice__has_avx512() && !getenv(variable->name));
}

static void put_back(const char *name, char *value) {
    if (value)
        (void)setenv(name, value, 1);
    else
        (void)unsetenv(name);
    free(value);
}

/* ---- loading ---- */

static sluice_status refuse_load(const sluice__library *library, const char *file) {
    const char *const said   = dlerror();
    const char *const reason = said ? said : "the reason is unknown";
    if (strstr(reason, strerror(ENOMEM)) || strstr(reason, "failed to map segment"))
        return sluice__hint_limit(sluice__fail(SLUICE_E_HOST_MEMORY,
                                               "out of host memory: %s cannot be loaded: %s", file,
                                               reason),
                                  "make more available");
    if (!strstr(reason, strerror(ENOENT)))
        return sluice__fail(SLUICE_E_UNSUPPORTED, "%s does not load: %s", file, reason);
    sluice__fail(SLUICE_E_UNSUPPORTED, "%s is not installed: there is no %s", library->name, file);
    return sluice__hint(SLUICE_E_UNSUPPORTED, "install it (Debian's package %s)", library->package);
}

/* The last of its files that is here, the newest release; of the first it is said what is wrong. */
static sluice_status load(sluice__library *library) {
    for (int f = SLUICE__LIBRARY_FILES - 1; f >= 0; f--) {
        if (!library->files[f]) continue;
        library->handle = dlopen(library->files[f], RTLD_NOW | RTLD_LOCAL);
        if (library->handle) return SLUICE_OK;
        if (f == 0) return refuse_load(library, library->files[f]);
    }
    return SLUICE_E_UNSUPPORTED;
}

static sluice_status load_and_initialize(sluice__library *library) {
    void (*initialize)(void) = NULL;
    SLUICE__TRY(load(library));
    sluice__library_find(&library->multiplies, library, library->multiply);
    sluice__library_find(&library->threads, library, library->set_threads);
    if (library->initialize) sluice__library_find(&initialize, library, library->initialize);
    if (initialize) initialize();
    if (library->multiplies) return SLUICE_OK;
    library->handle = NULL; /* it stays loaded: it may not be made to be unloaded */
    return sluice__fail(SLUICE_E_UNSUPPORTED, "%s has no function %s", library->files[0],
                        library->multiply);
}

/* `*kept` gets what was there; NULL: nothing. */
static sluice_status put(char **kept, const sluice__variable *variable) {
    const char *const before = getenv(variable->name);
    char *const copy         = before ? strdup(before) : NULL;
    if ((before && !copy) || setenv(variable->name, variable->value, 1) != 0) {
        free(copy);
        return sluice__fail(SLUICE_E_HOST_MEMORY, "host memory exhausted");
    }
    *kept = copy;
    return SLUICE_OK;
}

sluice_status sluice__library_open(sluice__library *library) {
    char *kept[SLUICE__LIBRARY_VARIABLES]  = {NULL};
    bool is_put[SLUICE__LIBRARY_VARIABLES] = {false};
    sluice_status status                   = SLUICE_OK;
    if (!library || library->handle) return SLUICE_OK;
    for (int v = 0; v < SLUICE__LIBRARY_VARIABLES && status == SLUICE_OK; v++) {
        if (!is_set(&library->variables[v])) continue;
        status    = put(&kept[v], &library->variables[v]);
        is_put[v] = status == SLUICE_OK;
    }
    if (status == SLUICE_OK) status = load_and_initialize(library);
    for (int v = 0; v < SLUICE__LIBRARY_VARIABLES; v++)
        if (is_put[v]) put_back(library->variables[v].name, kept[v]);
    return status;
}

/* ---- its functions ---- */

void sluice__library_find(void *function, const sluice__library *library, const char *symbol) {
    void *const found = dlsym(library->handle, symbol);
    memcpy(function, &found, sizeof found); /* ISO C has no cast from an object to a function */
}

void sluice__library_use_one_thread(const sluice__library *library) {
    if (library && library->threads) library->threads(1);
}

typedef void cblas_sgemm(int order, int transpose_a, int transpose_b, int rows, int columns,
                         int inner, float alpha, const float *a, int a_stride, const float *b,
                         int b_stride, float beta, float *c, int c_stride);

bool sluice__library_cblas(const sluice__library *library, const sluice__product *p) {
    enum { ROWS_FIRST = 101, AS_STORED = 111, TRANSPOSED = 112 };
    cblas_sgemm *const sgemm = (cblas_sgemm *)library->multiplies;
    sgemm(ROWS_FIRST, p->transpose_a ? TRANSPOSED : AS_STORED,
          p->transpose_b ? TRANSPOSED : AS_STORED, (int)p->rows, (int)p->columns, (int)p->inner,
          p->alpha, p->a, (int)p->a_stride, p->b, (int)p->b_stride, p->beta, p->c,
          (int)p->c_stride);
    return true;
}
