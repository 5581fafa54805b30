/* SPDX-License-Identifier: MIT */
/* overlaps.c -- an index of placed buffers by lifetime. */
#include "runtime/base/overlaps.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

enum { MIN_BUCKETS = 8 };

sluice_status sluice__overlaps_make(sluice__overlaps *out, const sluice__buffer *buffers,
                                    int count) {
    double ticks = 0; /* of all lifetimes */
    int last     = 0;
    for (int k = 0; k < count; k++) {
        ticks += buffers[k].end - buffers[k].begin + 1;
        if (buffers[k].end > last) last = buffers[k].end;
    }
    const double average = count > 0 ? ticks / count : 1;
    const double buckets = (last + 1) / average;
    *out       = (sluice__overlaps){.width = buckets < MIN_BUCKETS ? last + 1 : (int)average};
    out->count = last / out->width + 1;
    SLUICE__TRY(sluice__alloc(&out->buckets, (size_t)out->count, sizeof *out->buckets));
    return sluice__alloc(&out->found, (size_t)count, sizeof *out->found);
}

void sluice__overlaps_free(sluice__overlaps *overlaps) {
    for (int b = 0; overlaps->buckets && b < overlaps->count; b++)
        sluice__free(overlaps->buckets[b].buffers);
    sluice__free(overlaps->buckets);
    sluice__free(overlaps->found);
    *overlaps = (sluice__overlaps){0};
}

/* The index at which a buffer of this offset is inserted: after all that are not higher. */
static int index_for(const sluice__bucket *bucket, size_t offset) {
    int low = 0, high = bucket->count;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (bucket->buffers[middle]->offset > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

sluice_status sluice__overlaps_add(sluice__overlaps *overlaps, const sluice__buffer *buffer) {
    for (int b = buffer->begin / overlaps->width; b <= buffer->end / overlaps->width; b++) {
        sluice__bucket *bucket = &overlaps->buckets[b];
        if (bucket->count == bucket->capacity) {
            const int capacity = bucket->capacity ? 2 * bucket->capacity : 16;
            SLUICE__TRY(sluice__grow(&bucket->buffers, (size_t)capacity, sizeof *bucket->buffers));
            bucket->capacity = capacity;
        }
        const int at = index_for(bucket, buffer->offset);
        memmove(bucket->buffers + at + 1, bucket->buffers + at,
                (size_t)(bucket->count - at) * sizeof *bucket->buffers);
        bucket->buffers[at] = buffer;
        bucket->count++;
    }
    return SLUICE_OK;
}

static int compare_offsets(const void *left, const void *right) {
    const sluice__buffer *a = *(const sluice__buffer *const *)left;
    const sluice__buffer *b = *(const sluice__buffer *const *)right;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

const sluice__buffer *const *sluice__overlaps_find(const sluice__overlaps *overlaps,
                                                   const sluice__buffer *buffer, int *count) {
    const int first = buffer->begin / overlaps->width, last = buffer->end / overlaps->width;
    *count = 0;
    if (first == last) {
        *count = overlaps->buckets[first].count;
        return overlaps->buckets[first].buffers;
    }
    for (int b = first; b <= last; b++)
        for (int k = 0; k < overlaps->buckets[b].count; k++) {
            const sluice__buffer *other = overlaps->buckets[b].buffers[k];
            const int begins            = other->begin / overlaps->width;
            /* Each one once: in the first bucket that the two have in common. */
            if (b != (begins > first ? begins : first)) continue;
            if (other->end >= buffer->begin && buffer->end >= other->begin)
                overlaps->found[(*count)++] = other;
        }
    qsort(overlaps->found, (size_t)*count, sizeof *overlaps->found, compare_offsets);
    return overlaps->found;
}
