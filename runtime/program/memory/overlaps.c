/* SPDX-License-Identifier: MIT */
/* overlaps.c -- an index of placed buffers by time. */
#include "runtime/program/memory/overlaps.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

enum { LEAST_BUCKETS = 8 };

sluice_status sluice__overlaps_make(sluice__overlaps *out, const sluice__life *lives, int count) {
    double lived = 0;
    int last     = 0;
    for (int k = 0; k < count; k++) {
        lived += lives[k].end - lives[k].begin + 1;
        if (lives[k].end > last) last = lives[k].end;
    }
    const double average = count > 0 ? lived / count : 1;
    const double buckets = (last + 1) / average;
    *out       = (sluice__overlaps){.width = buckets < LEAST_BUCKETS ? last + 1 : (int)average};
    out->count = last / out->width + 1;
    SLUICE__TRY(sluice__alloc(&out->buckets, (size_t)out->count, sizeof *out->buckets));
    return sluice__alloc(&out->found, (size_t)count, sizeof *out->found);
}

void sluice__overlaps_free(sluice__overlaps *overlaps) {
    for (int b = 0; overlaps->buckets && b < overlaps->count; b++)
        sluice__free(overlaps->buckets[b].lives);
    sluice__free(overlaps->buckets);
    sluice__free(overlaps->found);
    *overlaps = (sluice__overlaps){0};
}

/* Where a life of this offset goes: behind all that are not higher. */
static int place_of(const sluice__bucket *bucket, size_t offset) {
    int low = 0, high = bucket->count;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (bucket->lives[middle]->offset > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

sluice_status sluice__overlaps_add(sluice__overlaps *overlaps, const sluice__life *life) {
    for (int b = life->begin / overlaps->width; b <= life->end / overlaps->width; b++) {
        sluice__bucket *bucket = &overlaps->buckets[b];
        if (bucket->count == bucket->capacity) {
            const int capacity = bucket->capacity ? 2 * bucket->capacity : 16;
            SLUICE__TRY(sluice__grow(&bucket->lives, (size_t)capacity, sizeof *bucket->lives));
            bucket->capacity = capacity;
        }
        const int at = place_of(bucket, life->offset);
        memmove(bucket->lives + at + 1, bucket->lives + at,
                (size_t)(bucket->count - at) * sizeof *bucket->lives);
        bucket->lives[at] = life;
        bucket->count++;
    }
    return SLUICE_OK;
}

static int compare_offsets(const void *left, const void *right) {
    const sluice__life *a = *(const sluice__life *const *)left;
    const sluice__life *b = *(const sluice__life *const *)right;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

const sluice__life *const *sluice__overlaps_find(const sluice__overlaps *overlaps,
                                                 const sluice__life *life, int *count) {
    const int first = life->begin / overlaps->width, last = life->end / overlaps->width;
    *count = 0;
    if (first == last) {
        *count = overlaps->buckets[first].count;
        return overlaps->buckets[first].lives;
    }
    for (int b = first; b <= last; b++)
        for (int k = 0; k < overlaps->buckets[b].count; k++) {
            const sluice__life *other = overlaps->buckets[b].lives[k];
            const int begins          = other->begin / overlaps->width;
            /* Each once: in the first bucket in which the two meet. */
            if (b != (begins > first ? begins : first)) continue;
            if (other->end >= life->begin && life->end >= other->begin)
                overlaps->found[(*count)++] = other;
        }
    qsort(overlaps->found, (size_t)*count, sizeof *overlaps->found, compare_offsets);
    return overlaps->found;
}
