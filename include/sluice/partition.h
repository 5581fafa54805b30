/* SPDX-License-Identifier: MIT */
/* partition.h -- layers to stages: pure arithmetic on a cost table. No devices, no threads. */
#ifndef SLUICE_PARTITION_H
#define SLUICE_PARTITION_H

#include <stddef.h>

#include "sluice/status.h"

/* What the actions of a layer, or of a stage, cost for one micro-batch: one row of a cost table,
 * from profile to partition to simulation. Any unit of time, the same everywhere; B costs input +
 * weight. */
typedef struct sluice_cost {
    double forward, input, weight; /* of F, I, W */
} sluice_cost;

enum { SLUICE_MAX_STAGES = 4096 };

/* Stage s holds layers first[s] .. first[s + 1] - 1; first[stages] is the layer count.
 * Owned by whoever declares it: a plain value. */
typedef struct sluice_split {
    int stages;
    int first[SLUICE_MAX_STAGES + 1];
} sluice_split;

/*
 * The split whose most expensive stage is cheapest: exact, by dynamic programming over
 * (stages, layers), O(stages * layers^2). Among equals the one whose stages' costs have the least
 * sum of squares (one layer that is dearer than all others must not leave these as they fall), and
 * then the one whose stage boundaries come earliest. Every stage gets at least one layer.
 * E_ARGUMENT if stages > layers or a cost is negative or not finite; E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_split_minmax(sluice_split *out, const sluice_cost *costs,
                                             int layers, int stages);

/* The split written "3,5,2" (layers per stage), which must cover `layers` in `stages`
 * stages. E_PARSE with the byte, E_ARGUMENT. */
SLUICE_API sluice_status sluice_split_parse(sluice_split *out, const char *text, size_t bytes,
                                            int layers, int stages);

#endif
