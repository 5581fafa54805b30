/* SPDX-License-Identifier: MIT */
/* placement.c -- greedy placement of buffers with lives. */
#include "runtime/program/memory/placement.h"

#include <stdbool.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/memory/overlaps.h"

size_t sluice__align(size_t bytes) {
    const size_t mask = SLUICE__ALIGNMENT - 1;
    return (bytes + mask) & ~mask;
}

static int compare_bytes(const void *left, const void *right) {
    const sluice__life *a = *(sluice__life *const *)left, *b = *(sluice__life *const *)right;
    if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    return a < b ? -1 : 1; /* the array's order */
}

/* Bytes times moments: what it takes away from the others. */
static double extent(const sluice__life *life) {
    return (double)life->bytes * (life->end - life->begin + 1);
}

static int compare_extents(const void *left, const void *right) {
    const double a = extent(*(sluice__life *const *)left);
    const double b = extent(*(sluice__life *const *)right);
    if (a != b) return a > b ? -1 : 1;
    return compare_bytes(left, right);
}

/* The lowest offset free during `life`; `placed` ascends by offset. */
static size_t lowest_offset(const sluice__life *life, const sluice__life *const *placed,
                            int count) {
    size_t offset      = 0;
    const size_t bytes = sluice__align(life->bytes);
    for (int k = 0; k < count; k++) {
        const sluice__life *other = placed[k];
        if (other->end < life->begin || life->end < other->begin) continue;
        if (offset + bytes <= other->offset) break;
        const size_t end = other->offset + sluice__align(other->bytes);
        if (end > offset) offset = end;
    }
    return offset;
}

/* In order, each at the lowest offset free during its life. */
static sluice_status place_in_order(sluice__life *lives, int count,
                                    int (*compare)(const void *, const void *), size_t *total) {
    sluice__life **order    = NULL;
    sluice__overlaps placed = {0};
    sluice_status status    = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__overlaps_make(&placed, lives, count));
    SLUICE__TRY_OUT(sluice__alloc(&order, (size_t)count, sizeof *order));
    for (int k = 0; k < count; k++) order[k] = &lives[k];
    qsort(order, (size_t)count, sizeof *order, compare);
    *total = 0;
    for (int k = 0; k < count; k++) {
        sluice__life *life = order[k];
        int near;
        const sluice__life *const *others = sluice__overlaps_find(&placed, life, &near);
        life->offset                      = lowest_offset(life, others, near);
        SLUICE__TRY_OUT(sluice__overlaps_add(&placed, life));
        const size_t end = life->offset + sluice__align(life->bytes);
        if (end > *total) *total = end;
    }
out:
    sluice__overlaps_free(&placed);
    sluice__free(order);
    return status;
}

static int last_moment(const sluice__life *lives, int count) {
    int last = 0;
    for (int k = 0; k < count; k++)
        if (lives[k].end > last) last = lives[k].end;
    return last;
}

/* ---- buffers of one size: any place that is free will do, and none is wasted ---- */

/* Lives in lists by a key: first[key], then next[life]; -1: no more. */
typedef struct chains {
    int *first, *next;
} chains;

static int take_first(chains *in, int key) {
    const int life = in->first[key];
    if (life >= 0) in->first[key] = in->next[life];
    return life;
}

static void put_first(chains *in, int key, int life) {
    in->next[life] = in->first[key];
    in->first[key] = life;
}

/* A vacant place: that of a life of the same kind if there is one. So kinds come to have places of
 * their own, and what repeats in a schedule repeats in its places. */
static int take_vacant(chains *vacant, int kind) {
    int life = take_first(vacant, kind);
    for (int other = 0; life < 0 && other < SLUICE__KINDS; other++)
        life = take_first(vacant, other);
    return life;
}

/* `lives` ascend by begin, as they are made. A life is in `ended` by its end until that is past,
 * and then in `vacant` by its kind: so both may share their `next`. */
static void place_in_turn(sluice__life *lives, int count, chains *ended, chains *vacant,
                          size_t *total) {
    const size_t bytes = count > 0 ? sluice__align(lives[0].bytes) : 0;
    int now            = 0; /* moments before it are past */
    *total             = 0;
    for (int k = count - 1; k >= 0; k--) put_first(ended, lives[k].end, k);
    for (int k = 0; k < count; k++) {
        for (; now < lives[k].begin; now++)
            for (int life; (life = take_first(ended, now)) >= 0;)
                put_first(vacant, lives[life].kind, life);
        const int before = take_vacant(vacant, lives[k].kind);
        lives[k].offset  = before >= 0 ? lives[before].offset : *total;
        if (before < 0) *total += bytes;
    }
}

static sluice_status place_equal(sluice__life *lives, int count, size_t *total) {
    int kinds[SLUICE__KINDS] = {0};
    chains ended = {0}, vacant = {.first = kinds};
    sluice_status status = SLUICE_OK;
    const int moments    = last_moment(lives, count) + 1;
    SLUICE__TRY_OUT(sluice__alloc(&ended.first, (size_t)moments, sizeof *ended.first));
    SLUICE__TRY_OUT(sluice__alloc(&ended.next, (size_t)count, sizeof *ended.next));
    vacant.next = ended.next;
    for (int t = 0; t < moments; t++) ended.first[t] = -1;
    for (int kind = 0; kind < SLUICE__KINDS; kind++) vacant.first[kind] = -1;
    place_in_turn(lives, count, &ended, &vacant, total);
out:
    sluice__free(ended.first);
    sluice__free(ended.next);
    return status;
}

static bool are_equal(const sluice__life *lives, int count) {
    for (int k = 1; k < count; k++)
        if (sluice__align(lives[k].bytes) != sluice__align(lives[0].bytes) ||
            lives[k].begin < lives[k - 1].begin)
            return false;
    return true;
}

/* The largest first leave gaps where they live briefly: then by extent, if that is better. */
sluice_status sluice__place(sluice__life *lives, int count, size_t *total) {
    if (are_equal(lives, count)) return place_equal(lives, count, total);
    size_t peak, first, second;
    int at;
    SLUICE__TRY(sluice__peak(lives, count, last_moment(lives, count) + 1, &peak, &at, NULL));
    SLUICE__TRY(place_in_order(lives, count, compare_bytes, &first));
    *total = first;
    if (first == peak) return SLUICE_OK;
    SLUICE__TRY(place_in_order(lives, count, compare_extents, &second));
    *total = second;
    return second <= first ? SLUICE_OK : place_in_order(lives, count, compare_bytes, total);
}

sluice_status sluice__peak(const sluice__life *lives, int count, int moments, size_t *peak, int *at,
                           size_t *sums) {
    size_t *born, *dead;
    SLUICE__TRY(sluice__alloc(&born, 2 * ((size_t)moments + 1), sizeof *born));
    dead = born + moments + 1;
    for (int k = 0; k < count; k++) {
        born[lives[k].begin] += sluice__align(lives[k].bytes);
        dead[lives[k].end + 1] += sluice__align(lives[k].bytes);
    }
    size_t alive = 0;
    *peak        = 0;
    *at          = 0;
    for (int t = 0; t < moments; t++) {
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

void sluice__alive(const sluice__life *lives, int count, int moment, size_t bytes[SLUICE__KINDS]) {
    for (int kind = 0; kind < SLUICE__KINDS; kind++) bytes[kind] = 0;
    for (int k = 0; k < count; k++)
        if (lives[k].begin <= moment && moment <= lives[k].end)
            bytes[lives[k].kind] += sluice__align(lives[k].bytes);
}
