/* SPDX-License-Identifier: MIT */
/* rows.h -- rows of equal size without duplicates: most instructions use the same bytes as another
 * one. */
#ifndef SLUICE_PROGRAM_ROWS_H
#define SLUICE_PROGRAM_ROWS_H

#include <stddef.h>

#include "sluice/status.h"

/* Start from {.bytes = ...}; free `list` and `table` with sluice__free(). */
typedef struct sluice__rows {
    size_t bytes; /* of a row: a multiple of 4 */
    void *list;
    int count, capacity; /* rows */
    int *table;          /* 1 + the row's index, at its hash or the next free entry */
    int table_size;
} sluice__rows;

/* Reserve one more row. E_HOST_MEMORY. */
sluice_status sluice__rows_grow(sluice__rows *rows);
/* The reserved row, zeroed, to be filled; then keep it, unless there is an equal one. Returns the
 * index of the row or of its equal. */
void *sluice__rows_blank(const sluice__rows *rows);
int sluice__rows_keep(sluice__rows *rows);

#endif
