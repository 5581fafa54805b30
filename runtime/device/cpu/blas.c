/* SPDX-License-Identifier: MIT */
/* blas.c -- the one list of libraries that multiply matrices, and which of them this process
 * uses. */
#include "runtime/device/cpu/blas.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/device/cpu/blas_library.h"

/* In the order of preference, as measured at the shapes of GPT models (docs/performance.md). On
 * aarch64 oneDNN has no kernels for these calls. */
#ifdef __x86_64__
static const sluice__blas *const all[] = {&sluice__blas_xsmm, &sluice__blas_onednn,
                                          &sluice__blas_openblas, &sluice__blas_blis,
                                          &sluice__blas_plain};
#else
static const sluice__blas *const all[] = {&sluice__blas_openblas, &sluice__blas_blis,
                                          &sluice__blas_onednn, &sluice__blas_xsmm,
                                          &sluice__blas_plain};
#endif
enum { ALL = sizeof all / sizeof *all };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* libraries are opened under it */
static _Atomic(const sluice__blas *) used;
static atomic_bool is_named; /* the one that is used was not chosen by "auto" */
static atomic_uint failures;

/* ---- by name ---- */

const char *sluice_blas_name(int index) {
    return index >= 0 && index < ALL ? all[index]->name : NULL;
}

static bool is_auto(const char *name) {
    return !name || strcmp(name, "auto") == 0;
}

static sluice_status open_blas(const sluice__blas *blas) {
    SLUICE__TRY(sluice__library_open(blas->library));
    return blas->open ? blas->open() : SLUICE_OK;
}

static sluice_status open_named(const sluice__blas **out, const char *name) {
    char names[96] = "auto";
    for (int k = 0; k < ALL; k++) {
        if (strcmp(all[k]->name, name) == 0) {
            SLUICE__TRY(open_blas(all[k]));
            *out = all[k];
            return SLUICE_OK;
        }
        sluice__add_name(names, sizeof names, " ", all[k]->name);
    }
    sluice__fail(SLUICE_E_ARGUMENT, "no library of matrix products is called '%s'", name);
    return sluice__hint(SLUICE_E_ARGUMENT, "choose one of: %s", names);
}

/* One that is here and gets no memory is no reason to use another one, whose bits differ. */
static sluice_status open_first(const sluice__blas **out) {
    sluice_status status = SLUICE_E_UNSUPPORTED;
    for (int k = 0; k < ALL && status == SLUICE_E_UNSUPPORTED; k++) {
        status = open_blas(all[k]);
        if (status == SLUICE_OK) *out = all[k];
    }
    return status;
}

static sluice_status find(const sluice__blas **out, const char *name) {
    const sluice__blas *const before = atomic_load(&used);
    if (!is_auto(name)) return open_named(out, name);
    if (!before) return open_first(out);
    *out = before;
    return SLUICE_OK;
}

sluice_status sluice__blas_find(const sluice__blas **out, const char *name) {
    (void)pthread_mutex_lock(&lock);
    const sluice_status status = find(out, name);
    (void)pthread_mutex_unlock(&lock);
    return status;
}

sluice_status sluice_blas_find(const char **out, const char *blas) {
    const sluice__blas *found = NULL;
    SLUICE__TRY(sluice__blas_find(&found, blas));
    *out = found->name;
    return SLUICE_OK;
}

sluice_status sluice_blas_describe(char *out, size_t bytes, const char *blas) {
    const sluice__blas *found = NULL;
    SLUICE__TRY(sluice__blas_find(&found, blas));
    found->describe(out, bytes);
    return SLUICE_OK;
}

/* ---- the one that is used ---- */

static sluice_status choose(const char *name) {
    const sluice__blas *found = NULL, *const before = atomic_load(&used);
    SLUICE__TRY(find(&found, name));
    if (before && before != found) {
        sluice__fail(SLUICE_E_ARGUMENT,
                     "this process multiplies with %s, and another pipeline asks for %s: results "
                     "depend on the library, so a process uses one",
                     before->name, found->name);
        return sluice__hint(SLUICE_E_ARGUMENT, "ask for %s, or use another process", before->name);
    }
    if (!before) atomic_store(&is_named, !is_auto(name));
    atomic_store(&used, found);
    return SLUICE_OK;
}

sluice_status sluice__blas_choose(const char *name) {
    (void)pthread_mutex_lock(&lock);
    const sluice_status status = choose(name);
    (void)pthread_mutex_unlock(&lock);
    return status;
}

const sluice__blas *sluice__blas_used(void) {
    const sluice__blas *found = atomic_load_explicit(&used, memory_order_acquire);
    if (found) return found;
    (void)sluice__blas_choose(NULL);
    found = atomic_load(&used);
    return found ? found : &sluice__blas_plain;
}

const char *sluice__blas_degradation(void) {
#ifdef SLUICE_USE_BLAS
    if (sluice__blas_used() == &sluice__blas_plain && !atomic_load(&is_named))
        return "no BLAS library is installed: products in plain C are slow";
#endif
    return "";
}

void sluice__blas_use_one_thread(void) {
    sluice__library_use_one_thread(sluice__blas_used()->library);
}

/* ---- products ---- */

void sluice__scale_result(const sluice__product *p, float by) {
    for (int64_t i = 0; i < p->rows; i++) {
        float *const row = p->c + i * p->c_stride;
        for (int64_t j = 0; j < p->columns; j++) row[j] = by == 0 ? 0 : by * row[j];
    }
}

/* Libraries differ in whether they apply beta where there is nothing to add. */
bool sluice__multiply_with(const sluice__blas *blas, const sluice__product *product, float *panel) {
    if (product->rows <= 0 || product->columns <= 0) return true;
    if (product->inner > 0 && product->alpha != 0) return blas->multiply(product, panel);
    sluice__scale_result(product, product->beta);
    return true;
}

void sluice__multiply(const sluice__product *product, float *space) {
    const bool is_bf16 = product->a_bf16 || product->b_bf16;
    if (!(is_bf16 ? sluice__multiply_bf16_with : sluice__multiply_with)(sluice__blas_used(),
                                                                        product, space))
        (void)atomic_fetch_add(&failures, 1);
}

unsigned sluice__blas_failures(void) {
    return atomic_load(&failures);
}
