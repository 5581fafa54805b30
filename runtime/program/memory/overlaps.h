/* SPDX-License-Identifier: MIT */
/* overlaps.h -- buffers that have a place, found again by when they live. */
#ifndef SLUICE_PROGRAM_OVERLAPS_H
#define SLUICE_PROGRAM_OVERLAPS_H

#include "runtime/program/memory/placement.h"

typedef struct sluice__bucket {
    const sluice__life **lives; /* ascending by offset */
    int count, capacity;
} sluice__bucket;

/* Time in buckets about as wide as a life is long, each with the lives that reach into it; in one
 * where lives are so long that most meet most. */
typedef struct sluice__overlaps {
    sluice__bucket *buckets;
    int count, width;
    const sluice__life **found; /* room for all lives */
} sluice__overlaps;

/* For `count` lives, none of which is in it yet. Release with sluice__overlaps_free(), after a
 * failure too. E_HOST_MEMORY. */
sluice_status sluice__overlaps_make(sluice__overlaps *out, const sluice__life *lives, int count);
void sluice__overlaps_free(sluice__overlaps *overlaps);

/* `life` has its offset, and stays where it is. E_HOST_MEMORY. */
sluice_status sluice__overlaps_add(sluice__overlaps *overlaps, const sluice__life *life);
/* Those that may live at some moment of `life`, ascending by offset (some more may be among them);
 * borrowed until the next call. */
const sluice__life *const *sluice__overlaps_find(const sluice__overlaps *overlaps,
                                                 const sluice__life *life, int *count);

#endif
