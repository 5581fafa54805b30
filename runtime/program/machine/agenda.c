/* SPDX-License-Identifier: MIT */
/* agenda.c -- a binary heap of entries by time. */
#include "runtime/program/machine/agenda.h"

#include "runtime/base/alloc.h"

sluice_status sluice__agenda_make(sluice__agenda *out, int max) {
    *out = (sluice__agenda){0};
    return sluice__alloc(&out->heap, (size_t)max, sizeof *out->heap);
}

static bool is_before(const sluice__entry *a, const sluice__entry *b) {
    if (a->time != b->time) return a->time < b->time;
    if (a->is_transfer != b->is_transfer) return b->is_transfer;
    return a->number < b->number;
}

void sluice__agenda_add(sluice__agenda *agenda, sluice__entry entry) {
    int at = agenda->count++;
    for (int above; at > 0 && is_before(&entry, &agenda->heap[above = (at - 1) / 2]); at = above)
        agenda->heap[at] = agenda->heap[above];
    agenda->heap[at] = entry;
}

sluice__entry sluice__agenda_take(sluice__agenda *agenda) {
    const sluice__entry first = agenda->heap[0], last = agenda->heap[--agenda->count];
    int at = 0;
    for (int child; (child = 2 * at + 1) < agenda->count; at = child) {
        if (child + 1 < agenda->count && is_before(&agenda->heap[child + 1], &agenda->heap[child]))
            child++;
        if (!is_before(&agenda->heap[child], &last)) break;
        agenda->heap[at] = agenda->heap[child];
    }
    agenda->heap[at] = last;
    return first;
}
