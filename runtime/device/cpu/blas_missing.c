/* SPDX-License-Identifier: MIT */
/* blas_missing.c -- libraries that this build leaves out: known by name, and refused with what to
 * do about it. */
#include "runtime/base/error.h"
#include "runtime/device/cpu/blas.h"

#ifndef SLUICE_USE_XSMM
static sluice_status no_xsmm(void) {
#ifdef __x86_64__
    sluice__fail(SLUICE_E_UNSUPPORTED, "this build of sluice is without libxsmm");
    return sluice__hint(SLUICE_E_UNSUPPORTED, "install libxsmm-dev and build sluice again");
#else
    return sluice__fail(SLUICE_E_UNSUPPORTED, "libxsmm is for x86-64 processors alone");
#endif
}

const sluice__blas sluice__blas_xsmm = {.name = "libxsmm", .open = no_xsmm};
#endif

#ifndef SLUICE_USE_BLAS
static sluice_status no_libraries(void) {
    sluice__fail(SLUICE_E_UNSUPPORTED, "this build of sluice multiplies in plain C alone");
    return sluice__hint(SLUICE_E_UNSUPPORTED, "configure it with -DSLUICE_BLAS=auto");
}

const sluice__blas sluice__blas_onednn   = {.name = "onednn", .open = no_libraries};
const sluice__blas sluice__blas_openblas = {.name = "openblas", .open = no_libraries};
const sluice__blas sluice__blas_blis     = {.name = "blis", .open = no_libraries};
#endif
