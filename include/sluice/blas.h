/* SPDX-License-Identifier: MIT */
/*
 * blas.h -- the libraries that multiply matrices on the CPU, by name: "libxsmm", "openblas",
 * "onednn", "blis", "plain" (C without a library, slow). "auto" and NULL mean the one that this
 * process uses already, or else the first that can be used here, in an order that is fixed for the
 * kind of processor. The bits of a result depend on the library, so a process uses one alone: that
 * of its first pipeline on the CPU. From any thread.
 */
#ifndef SLUICE_BLAS_H
#define SLUICE_BLAS_H

#include <stddef.h>

#include "sluice/status.h"

/* The name of library number `index`, from 0, best first; NULL past the last. "auto" is not among
 * them. */
SLUICE_API const char *sluice_blas_name(int index);
/* The name of the library that a pipeline with the option `blas` uses here; static storage.
 * Libraries are loaded to find out. E_ARGUMENT: unknown name, with the list of names;
 * E_UNSUPPORTED: why it cannot be used here; E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_blas_find(const char **out, const char *blas);
/* A short description of it ("LIBXSMM 1.17, AVX-512 (cpx)"). Errors as above. */
SLUICE_API sluice_status sluice_blas_describe(char *out, size_t bytes, const char *blas);

#endif
