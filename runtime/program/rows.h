/* SPDX-License-Identifier: MIT */
/* rows.h -- rows of slots, each kept once: most instructions of a rank use the bytes of another. */
#ifndef SLUICE_PROGRAM_ROWS_H
#define SLUICE_PROGRAM_ROWS_H

#include "sluice/program.h"

/* Start from {0}; free `rows` and `table` with sluice__free(). */
typedef struct sluice__rows {
    sluice_slot (*rows)[SLUICE_ROLES];
    int count, capacity;
    int *table; /* 1 + the row's index, at its hash or the next free place */
    int table_size;
} sluice__rows;

/* The index of a row like this one, which is added if there is none. E_HOST_MEMORY. */
sluice_status sluice__rows_find(int *index, sluice__rows *rows, const sluice_slot *row);

#endif
