/* SPDX-License-Identifier: MIT */
/* placement.h -- buffers with lifetimes, placed so that buffers alive together do not overlap. */
#ifndef SLUICE_BASE_PLACEMENT_H
#define SLUICE_BASE_PLACEMENT_H

#include "runtime/base/buffer.h"
#include "sluice/status.h"

enum { SLUICE__ALIGNMENT = 256 };

/* `bytes`, rounded up to a multiple of the alignment. */
size_t sluice__align(size_t bytes);

/*
 * Set every buffer's offset; `*total` is the end of the highest. Buffers are placed in order, each
 * at the lowest offset that is free during its lifetime: largest first, or most bytes x ticks
 * first, whichever needs less. Deterministic; if all sizes are equal, the total is the peak of what
 * is alive at one tick. E_HOST_MEMORY.
 */
sluice_status sluice__place(sluice__buffer *buffers, int count, size_t *total);

/* The largest sum of (aligned) bytes alive at one tick of 0 .. ticks - 1, and the first such tick;
 * the sums of all ticks in `sums` unless that is NULL. E_HOST_MEMORY. */
sluice_status sluice__peak(const sluice__buffer *buffers, int count, int ticks, size_t *peak,
                           int *at, size_t *sums);
/* (Aligned) bytes alive at `tick`, by kind, of which there are `kinds`. */
void sluice__alive(const sluice__buffer *buffers, int count, int tick, size_t *bytes, int kinds);

#endif
