/* SPDX-License-Identifier: MIT */
/* rows.c -- a hash table of rows of slots. */
#include "runtime/program/memory/rows.h"

#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

static sluice_slot *row_at(const sluice__rows *rows, int index) {
    return rows->slots + (size_t)index * (size_t)rows->width;
}

static size_t row_bytes(const sluice__rows *rows) {
    return (size_t)rows->width * sizeof *rows->slots;
}

static uint64_t hash(const sluice__rows *rows, const sluice_slot *row) {
    uint64_t h = 0;
    for (int k = 0; k < rows->width; k++) {
        h = (h ^ row[k].offset) * 0x9E3779B97F4A7C15u;
        h = (h ^ (h >> 29) ^ row[k].bytes) * 0xBF58476D1CE4E5B9u;
    }
    return h ^ (h >> 32);
}

/* The row's entry in the table, or the free one where it belongs. */
static int *find_entry(const sluice__rows *rows, const sluice_slot *row) {
    const uint64_t mask = (uint64_t)rows->table_size - 1;
    for (uint64_t at = hash(rows, row) & mask;; at = (at + 1) & mask) {
        int *entry = &rows->table[at];
        if (*entry == 0 || memcmp(row_at(rows, *entry - 1), row, row_bytes(rows)) == 0)
            return entry;
    }
}

/* Double; the table stays at most half full. */
sluice_status sluice__rows_grow(sluice__rows *rows) {
    if (rows->count < rows->capacity) return SLUICE_OK;
    const int capacity = rows->capacity ? 2 * rows->capacity : 64;
    int *table;
    SLUICE__TRY(
        sluice__grow(&rows->slots, (size_t)capacity * (size_t)rows->width, sizeof *rows->slots));
    SLUICE__TRY(sluice__alloc(&table, 2 * (size_t)capacity, sizeof *table));
    sluice__free(rows->table);
    rows->table      = table;
    rows->table_size = 2 * capacity;
    rows->capacity   = capacity;
    for (int k = 0; k < rows->count; k++) *find_entry(rows, row_at(rows, k)) = k + 1;
    return SLUICE_OK;
}

sluice_slot *sluice__rows_blank(const sluice__rows *rows) {
    return memset(row_at(rows, rows->count), 0, row_bytes(rows));
}

int sluice__rows_keep(sluice__rows *rows) {
    int *entry = find_entry(rows, row_at(rows, rows->count));
    if (*entry == 0) *entry = ++rows->count;
    return *entry - 1;
}
