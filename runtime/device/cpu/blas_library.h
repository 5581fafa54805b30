/* SPDX-License-Identifier: MIT */
/* blas_library.h -- a library of products that is loaded when it is first asked for, and that stays
 * until the process ends. */
#ifndef SLUICE_DEVICE_CPU_BLAS_LIBRARY_H
#define SLUICE_DEVICE_CPU_BLAS_LIBRARY_H

#include "runtime/device/cpu/blas.h"

/* What the environment says while the library is loaded, which reads it then. */
typedef struct sluice__variable {
    const char *name, *value;
    bool is_kernels; /* for processors with AVX-512, and a value that is there stays */
} sluice__variable;

enum { SLUICE__LIBRARY_FILES = 2, SLUICE__LIBRARY_VARIABLES = 3 };

typedef struct sluice__library {
    const char *name, *package; /* ours, and Debian's */
    const char *files[SLUICE__LIBRARY_FILES];
    const char *multiply; /* the function that multiplies */
    sluice__variable variables[SLUICE__LIBRARY_VARIABLES];
    const char *initialize;  /* a function that reads the environment; NULL: loading does */
    const char *set_threads; /* sets the number of its own threads: void (int) */
    void *handle;            /* once it is loaded, as what follows */
    void (*threads)(int);    /* NULL: it has no such function */
    void (*multiplies)(void);
} sluice__library;

/* Load it; once is enough. NULL is fine. E_UNSUPPORTED, E_HOST_MEMORY. */
sluice_status sluice__library_open(sluice__library *library);
/* `*function` gets a pointer to the function `symbol`; NULL: there is none. */
void sluice__library_find(void *function, const sluice__library *library, const char *symbol);
/* It would start threads, which compete with the team's. Some libraries keep the number per
 * process, some per thread. NULL is fine. */
void sluice__library_use_one_thread(const sluice__library *library);

/* A product by a library whose `multiply` is cblas_sgemm(). */
bool sluice__library_cblas(const sluice__library *library, const sluice__product *product);

#endif
