/* SPDX-License-Identifier: MIT */
/* overlaps.h -- placed buffers, found by their lifetimes. */
#ifndef SLUICE_BASE_OVERLAPS_H
#define SLUICE_BASE_OVERLAPS_H

#include "runtime/base/buffer.h"
#include "sluice/status.h"

typedef struct sluice__bucket {
    const sluice__buffer **buffers; /* ascending by offset */
    int count, capacity;
} sluice__bucket;

/* Time is divided into buckets about as wide as an average lifetime, each with the buffers alive in
 * it; into one bucket if lifetimes are so long that most of them overlap. */
typedef struct sluice__overlaps {
    sluice__bucket *buckets;
    int count, width;
    const sluice__buffer **found; /* [buffers] */
} sluice__overlaps;

/* An empty index for `count` buffers to be placed. Release with sluice__overlaps_free(), after a
 * failure too. E_HOST_MEMORY. */
sluice_status sluice__overlaps_make(sluice__overlaps *out, const sluice__buffer *buffers,
                                    int count);
void sluice__overlaps_free(sluice__overlaps *overlaps);

/* Add a buffer that has its offset; it is borrowed. E_HOST_MEMORY. */
sluice_status sluice__overlaps_add(sluice__overlaps *overlaps, const sluice__buffer *buffer);
/* The buffers whose lifetimes may overlap that of `buffer`, ascending by offset; some that do not
 * overlap may be among them. Borrowed until the next call. */
const sluice__buffer *const *sluice__overlaps_find(const sluice__overlaps *overlaps,
                                                   const sluice__buffer *buffer, int *count);

#endif
