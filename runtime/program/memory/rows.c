/* SPDX-License-Identifier: MIT */
/* rows.c -- a hash table of rows. */
#include "runtime/program/memory/rows.h"

#include <stdint.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

static void *row_at(const sluice__rows *rows, int index) {
    return (char *)rows->list + (size_t)index * rows->bytes;
}

static uint64_t hash(const sluice__rows *rows, const void *row) {
    uint64_t h = 0;
    for (size_t k = 0; k < rows->bytes; k += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, (const char *)row + k, sizeof word);
        h = (h ^ word) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    return h ^ (h >> 32);
}

/* The row's entry in the table, or the free one where it belongs. */
static int *find_entry(const sluice__rows *rows, const void *row) {
    const uint64_t mask = (uint64_t)rows->table_size - 1;
    for (uint64_t at = hash(rows, row) & mask;; at = (at + 1) & mask) {
        int *entry = &rows->table[at];
        if (*entry == 0 || memcmp(row_at(rows, *entry - 1), row, rows->bytes) == 0) return entry;
    }
}

/* Double; the table stays at most half full. */
sluice_status sluice__rows_grow(sluice__rows *rows) {
    if (rows->count < rows->capacity) return SLUICE_OK;
    const int capacity = rows->capacity ? 2 * rows->capacity : 64;
    int *table;
    SLUICE__TRY(sluice__grow(&rows->list, (size_t)capacity, rows->bytes));
    SLUICE__TRY(sluice__alloc(&table, 2 * (size_t)capacity, sizeof *table));
    sluice__free(rows->table);
    rows->table      = table;
    rows->table_size = 2 * capacity;
    rows->capacity   = capacity;
    for (int k = 0; k < rows->count; k++) *find_entry(rows, row_at(rows, k)) = k + 1;
    return SLUICE_OK;
}

void *sluice__rows_blank(const sluice__rows *rows) {
    return memset(row_at(rows, rows->count), 0, rows->bytes);
}

int sluice__rows_keep(sluice__rows *rows) {
    int *entry = find_entry(rows, row_at(rows, rows->count));
    if (*entry == 0) *entry = ++rows->count;
    return *entry - 1;
}
