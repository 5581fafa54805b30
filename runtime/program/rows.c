/* SPDX-License-Identifier: MIT */
/* rows.c -- a hash table of rows of slots. */
#include "runtime/program/rows.h"

#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

static uint64_t hash(const sluice_slot *row) {
    uint64_t h = 0;
    for (int role = 0; role < SLUICE_ROLES; role++) {
        h = (h ^ row[role].offset) * 0x9E3779B97F4A7C15u;
        h = (h ^ (h >> 29) ^ row[role].bytes) * 0xBF58476D1CE4E5B9u;
    }
    return h ^ (h >> 32);
}

/* Where the row is in the table, or should be. */
static int *place_of(const sluice__rows *rows, const sluice_slot *row) {
    const uint64_t mask = (uint64_t)rows->table_size - 1;
    for (uint64_t at = hash(row) & mask;; at = (at + 1) & mask) {
        int *place = &rows->table[at];
        if (*place == 0 || memcmp(rows->rows[*place - 1], row, sizeof *rows->rows) == 0)
            return place;
    }
}

/* Twice the room; the table stays at most half full. */
static sluice_status grow(sluice__rows *rows) {
    const int capacity = rows->capacity ? 2 * rows->capacity : 64;
    int *table;
    SLUICE__TRY(sluice__grow(&rows->rows, (size_t)capacity, sizeof *rows->rows));
    SLUICE__TRY(sluice__alloc(&table, 2 * (size_t)capacity, sizeof *table));
    sluice__free(rows->table);
    rows->table      = table;
    rows->table_size = 2 * capacity;
    rows->capacity   = capacity;
    for (int k = 0; k < rows->count; k++) *place_of(rows, rows->rows[k]) = k + 1;
    return SLUICE_OK;
}

sluice_status sluice__rows_find(int *index, sluice__rows *rows, const sluice_slot *row) {
    if (rows->count == rows->capacity) SLUICE__TRY(grow(rows));
    int *place = place_of(rows, row);
    if (*place == 0) {
        memcpy(rows->rows[rows->count++], row, sizeof *rows->rows);
        *place = rows->count;
    }
    *index = *place - 1;
    return SLUICE_OK;
}
