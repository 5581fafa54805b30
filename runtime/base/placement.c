/* SPDX-License-Identifier: MIT */
/* placement.c -- greedy placement of buffers by lifetime. */
#include "runtime/base/placement.h"

#include <stdbool.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/overlaps.h"

size_t sluice__align(size_t bytes) {
    const size_t mask = SLUICE__ALIGNMENT - 1;
    return (bytes + mask) & ~mask;
}

static int compare_bytes(const void *left, const void *right) {
    const sluice__buffer *a = *(sluice__buffer *const *)left, *b = *(sluice__buffer *const *)right;
    if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    return a < b ? -1 : 1; /* the array's order */
}

/* Bytes times ticks: what it takes away from the others. */
static double extent(const sluice__buffer *buffer) {
    return (double)buffer->bytes * (buffer->end - buffer->begin + 1);
}

static int compare_extents(const void *left, const void *right) {
    const double a = extent(*(sluice__buffer *const *)left);
    const double b = extent(*(sluice__buffer *const *)right);
    if (a != b) return a > b ? -1 : 1;
    return compare_bytes(left, right);
}

/* The lowest offset that is free during the lifetime of `buffer`; `placed` ascends by offset. */
static size_t lowest_offset(const sluice__buffer *buffer, const sluice__buffer *const *placed,
                            int count) {
    size_t offset      = 0;
    const size_t bytes = sluice__align(buffer->bytes);
    for (int k = 0; k < count; k++) {
        const sluice__buffer *other = placed[k];
        if (other->end < buffer->begin || buffer->end < other->begin) continue;
        if (offset + bytes <= other->offset) break;
        const size_t end = other->offset + sluice__align(other->bytes);
        if (end > offset) offset = end;
    }
    return offset;
}

/* In order, each at the lowest offset that is free during its lifetime. */
static sluice_status place_in_order(sluice__buffer *buffers, int count,
                                    int (*compare)(const void *, const void *), size_t *total) {
    sluice__buffer **order  = NULL;
    sluice__overlaps placed = {0};
    sluice_status status    = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__overlaps_make(&placed, buffers, count));
    SLUICE__TRY_OUT(sluice__alloc(&order, (size_t)count, sizeof *order));
    for (int k = 0; k < count; k++) order[k] = &buffers[k];
    qsort(order, (size_t)count, sizeof *order, compare);
    *total = 0;
    for (int k = 0; k < count; k++) {
        sluice__buffer *buffer = order[k];
        int near;
        const sluice__buffer *const *others = sluice__overlaps_find(&placed, buffer, &near);
        buffer->offset                      = lowest_offset(buffer, others, near);
        SLUICE__TRY_OUT(sluice__overlaps_add(&placed, buffer));
        const size_t end = buffer->offset + sluice__align(buffer->bytes);
        if (end > *total) *total = end;
    }
out:
    sluice__overlaps_free(&placed);
    sluice__free(order);
    return status;
}

static int last_tick(const sluice__buffer *buffers, int count) {
    int last = 0;
    for (int k = 0; k < count; k++)
        if (buffers[k].end > last) last = buffers[k].end;
    return last;
}

/* ---- buffers of one size: any free offset fits without a gap ---- */

/* Chains of buffers by a key: first[key], then next[buffer]; -1: end. */
typedef struct chains {
    int *first, *next;
} chains;

static int take_first(chains *in, int key) {
    const int buffer = in->first[key];
    if (buffer >= 0) in->first[key] = in->next[buffer];
    return buffer;
}

static void put_first(chains *in, int key, int buffer) {
    in->next[buffer] = in->first[key];
    in->first[key]   = buffer;
}

/* A buffer that has ended and whose offset is free, of the same kind if possible: so kinds tend to
 * keep their offsets, and what repeats in a schedule repeats in its offsets. */
static int take_vacant(chains *vacant, int kind) {
    int buffer = take_first(vacant, kind);
    for (int other = 0; buffer < 0 && other < SLUICE__BUFFER_KINDS; other++)
        buffer = take_first(vacant, other);
    return buffer;
}

/* Buffers ascend by begin, as they are made. Each one is in `ended`, by its last tick, until that
 * is past, and then in `vacant`, by its kind: never in both, so the two share `next`. */
static void place_in_turn(sluice__buffer *buffers, int count, chains *ended, chains *vacant,
                          size_t *total) {
    const size_t bytes = count > 0 ? sluice__align(buffers[0].bytes) : 0;
    int now            = 0; /* ticks before it are past */
    *total             = 0;
    for (int k = count - 1; k >= 0; k--) put_first(ended, buffers[k].end, k);
    for (int k = 0; k < count; k++) {
        for (; now < buffers[k].begin; now++)
            for (int buffer; (buffer = take_first(ended, now)) >= 0;)
                put_first(vacant, buffers[buffer].kind, buffer);
        const int before  = take_vacant(vacant, buffers[k].kind);
        buffers[k].offset = before >= 0 ? buffers[before].offset : *total;
        if (before < 0) *total += bytes;
    }
}

static sluice_status place_equal(sluice__buffer *buffers, int count, size_t *total) {
    int kinds[SLUICE__BUFFER_KINDS] = {0};
    chains ended = {0}, vacant = {.first = kinds};
    sluice_status status = SLUICE_OK;
    const int ticks      = last_tick(buffers, count) + 1;
    SLUICE__TRY_OUT(sluice__alloc(&ended.first, (size_t)ticks, sizeof *ended.first));
    SLUICE__TRY_OUT(sluice__alloc(&ended.next, (size_t)count, sizeof *ended.next));
    vacant.next = ended.next;
    for (int t = 0; t < ticks; t++) ended.first[t] = -1;
    for (int kind = 0; kind < SLUICE__BUFFER_KINDS; kind++) vacant.first[kind] = -1;
    place_in_turn(buffers, count, &ended, &vacant, total);
out:
    sluice__free(ended.first);
    sluice__free(ended.next);
    return status;
}

static bool are_equal(const sluice__buffer *buffers, int count) {
    for (int k = 1; k < count; k++)
        if (sluice__align(buffers[k].bytes) != sluice__align(buffers[0].bytes) ||
            buffers[k].begin < buffers[k - 1].begin)
            return false;
    return true;
}

/* Placing the largest first leaves gaps where those are short-lived: then by extent, if better. */
sluice_status sluice__place(sluice__buffer *buffers, int count, size_t *total) {
    if (are_equal(buffers, count)) return place_equal(buffers, count, total);
    size_t peak, first, second;
    int at;
    SLUICE__TRY(sluice__peak(buffers, count, last_tick(buffers, count) + 1, &peak, &at, NULL));
    SLUICE__TRY(place_in_order(buffers, count, compare_bytes, &first));
    *total = first;
    if (first == peak) return SLUICE_OK;
    SLUICE__TRY(place_in_order(buffers, count, compare_extents, &second));
    *total = second;
    return second <= first ? SLUICE_OK : place_in_order(buffers, count, compare_bytes, total);
}

sluice_status sluice__peak(const sluice__buffer *buffers, int count, int ticks, size_t *peak,
                           int *at, size_t *sums) {
    size_t *born, *dead;
    SLUICE__TRY(sluice__alloc(&born, 2 * ((size_t)ticks + 1), sizeof *born));
    dead = born + ticks + 1;
    for (int k = 0; k < count; k++) {
        born[buffers[k].begin] += sluice__align(buffers[k].bytes);
        dead[buffers[k].end + 1] += sluice__align(buffers[k].bytes);
    }
    size_t alive = 0;
    *peak        = 0;
    *at          = 0;
    for (int t = 0; t < ticks; t++) {
        alive += born[t];
        alive -= dead[t];
        if (sums) sums[t] = alive;
        if (alive > *peak) {
            *peak = alive;
            *at   = t;
        }
    }
    sluice__free(born);
    return SLUICE_OK;
}

void sluice__alive(const sluice__buffer *buffers, int count, int tick, size_t *bytes, int kinds) {
    for (int kind = 0; kind < kinds; kind++) bytes[kind] = 0;
    for (int k = 0; k < count; k++)
        if (buffers[k].begin <= tick && tick <= buffers[k].end)
            bytes[buffers[k].kind] += sluice__align(buffers[k].bytes);
}
