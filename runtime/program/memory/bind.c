/* SPDX-License-Identifier: MIT */
/* bind.c -- which bytes each instruction uses: a table of a rank's slots, and rows of their
 * indices, equal ones once. */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lower/lowered.h"
#include "runtime/program/memory/rows.h"

typedef struct binding {
    const sluice__lowered *lowered;
    size_t base;              /* of the transient bytes */
    sluice__rows slots, rows; /* sluice_slot; int[width] */
    int next;                 /* use */
} binding;

/* The index of a use's slot in the table. */
static sluice_status keep_slot(binding *all, int *index, const sluice__use *use) {
    SLUICE__TRY(sluice__rows_grow(&all->slots));
    sluice_slot *slot = sluice__rows_blank(&all->slots);
    slot->bytes       = use->bytes;
    slot->offset =
        use->buffer >= 0 ? all->base + all->lowered->buffers[use->buffer].offset : use->offset;
    *index = sluice__rows_keep(&all->slots);
    return SLUICE_OK;
}

/* The next use, if it is one of instruction n. */
static const sluice__use *next_use(binding *all, int n) {
    if (all->next == all->lowered->use_count) return NULL;
    const sluice__use *const use = &all->lowered->uses[all->next];
    if (use->instruction != n) return NULL;
    all->next++;
    return use;
}

static sluice_status bind_action(binding *all, sluice_instruction *at, int n, int width) {
    SLUICE__TRY(sluice__rows_grow(&all->rows));
    int *row = sluice__rows_blank(&all->rows);
    for (const sluice__use *use; (use = next_use(all, n));)
        SLUICE__TRY(keep_slot(all, &row[use->slot], use));
    at->row = sluice__rows_keep(&all->rows) * width;
    return SLUICE_OK;
}

static sluice_status bind_other(binding *all, sluice_instruction *at, int n) {
    at->row = 0;
    for (const sluice__use *use; (use = next_use(all, n));)
        SLUICE__TRY(keep_slot(all, &at->row, use));
    return SLUICE_OK;
}

static sluice_status bind_all(binding *all, sluice__rank_program *rank) {
    SLUICE__TRY(sluice__rows_grow(&all->slots));
    (void)sluice__rows_blank(&all->slots);
    (void)sluice__rows_keep(&all->slots); /* the first one is absent */
    for (int n = 0; n < rank->count; n++) {
        sluice_instruction *at = &rank->list[n];
        SLUICE__TRY(sluice__is_compute(at) ? bind_action(all, at, n, rank->width)
                                           : bind_other(all, at, n));
    }
    return SLUICE_OK;
}

/* Move a table to the program, shrunk to its length. */
static sluice_status take(void *out, sluice__rows *rows) {
    SLUICE__TRY(sluice__grow(&rows->list, (size_t)rows->count, rows->bytes));
    memcpy(out, &rows->list, sizeof rows->list);
    rows->list = NULL;
    return SLUICE_OK;
}

sluice_status sluice__bind_slots(sluice__rank_program *rank, const sluice__lowered *lowered,
                                 size_t base, int width) {
    binding all          = {.lowered = lowered,
                            .base    = base,
                            .slots   = {.bytes = sizeof(sluice_slot)},
                            .rows    = {.bytes = (size_t)width * sizeof(int)}};
    sluice_status status = SLUICE_OK;
    rank->width          = width;
    SLUICE__TRY_OUT(bind_all(&all, rank));
    rank->slot_count = all.slots.count;
    rank->row_length = all.rows.count * width;
    SLUICE__TRY_OUT(take(&rank->slots, &all.slots));
    SLUICE__TRY_OUT(take(&rank->rows, &all.rows));
out:
    sluice__free(all.slots.list);
    sluice__free(all.slots.table);
    sluice__free(all.rows.list);
    sluice__free(all.rows.table);
    return status;
}
