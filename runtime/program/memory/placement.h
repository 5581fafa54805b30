/* SPDX-License-Identifier: MIT */
/* placement.h -- buffers with lives, placed so that those alive together do not overlap. */
#ifndef SLUICE_PROGRAM_PLACEMENT_H
#define SLUICE_PROGRAM_PLACEMENT_H

#include <stddef.h>

#include "sluice/status.h"

enum { SLUICE__ALIGNMENT = 256 };

typedef struct sluice__life {
    size_t bytes;
    int begin, end; /* first and last moment of use, both included */
    size_t offset;  /* set by sluice__place() */
    int kind;       /* what it holds, for who counts by kind: below SLUICE__KINDS */
} sluice__life;
enum { SLUICE__KINDS = 10 };

/* `bytes` up to the next multiple of the alignment. */
size_t sluice__align(size_t bytes);

/*
 * Set every life's offset; `*total` is the end of the highest. In order, each at the lowest offset
 * that is free during its life: the largest first, or those that take most bytes x moments,
 * whichever ends lower. Deterministic, and as small as the peak of what is alive when all sizes
 * are equal. E_HOST_MEMORY.
 */
sluice_status sluice__place(sluice__life *lives, int count, size_t *total);

/* The largest sum of (aligned) bytes alive at one moment of 0 .. moments - 1, and the first such
 * moment; the sums of all moments in `sums` unless that is NULL. E_HOST_MEMORY. */
sluice_status sluice__peak(const sluice__life *lives, int count, int moments, size_t *peak, int *at,
                           size_t *sums);
/* (Aligned) bytes alive at `moment`, by kind. */
void sluice__alive(const sluice__life *lives, int count, int moment, size_t bytes[SLUICE__KINDS]);

#endif
