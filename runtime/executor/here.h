/* SPDX-License-Identifier: MIT */
/* here.h -- which rank a thread is, and the instruction that it carries out: for debuggers, and for
 * what reports a crash from inside a signal handler. */
#ifndef SLUICE_EXECUTOR_HERE_H
#define SLUICE_EXECUTOR_HERE_H

#include "sluice/program.h"

typedef struct sluice__here {
    int rank;                     /* -1: this thread is none */
    const sluice_instruction *at; /* NULL: outside a program */
} sluice__here;

/* The calling thread's. */
sluice__here *sluice__where(void);

#endif
