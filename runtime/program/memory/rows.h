/* SPDX-License-Identifier: MIT */
/* rows.h -- rows of slots, each kept once: most instructions of a rank use the bytes of another. */
#ifndef SLUICE_PROGRAM_ROWS_H
#define SLUICE_PROGRAM_ROWS_H

#include "sluice/program.h"

/* Start from {.width = ...}; free `slots` and `table` with sluice__free(). */
typedef struct sluice__rows {
    int width; /* slots of a row */
    sluice_slot *slots;
    int count, capacity; /* rows */
    int *table;          /* 1 + the row's index, at its hash or the next free place */
    int table_size;
} sluice__rows;

/* Room for one row more. E_HOST_MEMORY. */
sluice_status sluice__rows_grow(sluice__rows *rows);
/* An empty row behind the others, to be filled; then keep it, unless there is one like it: the
 * index of whichever that is. There is room. */
sluice_slot *sluice__rows_blank(const sluice__rows *rows);
int sluice__rows_keep(sluice__rows *rows);

#endif
