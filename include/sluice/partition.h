/* SPDX-License-Identifier: MIT */
/* partition.h -- layers to stages: pure arithmetic on a cost table. No devices, no threads. */
#ifndef SLUICE_PARTITION_H
#define SLUICE_PARTITION_H

#include <stddef.h>

#include "sluice/status.h"

/* What the actions of a layer or stage cost for one micro-batch: a row of a cost table, used by
 * profile, partition and simulation. The unit of time is the caller's; B costs input + weight. */
typedef struct sluice_cost {
    double forward, input, weight; /* of F, I, W */
} sluice_cost;

enum { SLUICE_MAX_STAGES = 4096 };

/* Stage s holds layers first[s] .. first[s + 1] - 1; first[stages] is the layer count.
 * A plain value. */
typedef struct sluice_split {
    int stages;
    int first[SLUICE_MAX_STAGES + 1];
} sluice_split;

/*
 * The split whose most expensive stage is cheapest: exact, by dynamic programming over
 * (stages, layers), O(stages * layers^2). Among equals, the one whose stage costs have the
 * smallest sum of squares (so that the other stages are balanced even where one layer alone is the
 * bottleneck), then the one whose stage boundaries come earliest. Every stage gets at least one
 * layer.
 * E_ARGUMENT if stages > layers or a cost is negative or not finite; E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_split_minmax(sluice_split *out, const sluice_cost *costs,
                                             int layers, int stages);

/* The split written "3,5,2" (layers per stage), which must cover `layers` in `stages`
 * stages. E_PARSE with the byte, E_ARGUMENT. */
SLUICE_API sluice_status sluice_split_parse(sluice_split *out, const char *text, size_t bytes,
                                            int layers, int stages);

#endif
