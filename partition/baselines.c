/* SPDX-License-Identifier: MIT */
/* baselines.c -- how others split, to compare with: none of them sees links, limits, pins or that a
 * rank has several stages. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/chain.h"
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

const char *sluice_baseline_name(sluice_baseline baseline) {
    static const char *const names[SLUICE_BASELINES] = {
        [SLUICE_BASELINE_EQUAL_LAYERS]     = "equal layers",
        [SLUICE_BASELINE_EQUAL_PARAMETERS] = "equal parameters",
        [SLUICE_BASELINE_VARIANCE]         = "variance",
        [SLUICE_BASELINE_BLOCKS]           = "block partition"};
    return names[baseline];
}

/* ---- variance ---- */

/*
 * The mean is the same for all splits, so that the smallest variance is the smallest sum of
 * squares. No stage of that split is further from the mean than the root of what the sum of squares
 * of another split has beyond that of equal stages.
 */
static sluice_status fewest_squares(int *first, const sluice__chain *chain) {
    double value, squares = 0;
    SLUICE__TRY(sluice__solve_chain(first, &value, chain, -1));
    const double mean = chain->costs[0].time[chain->n] / chain->stages;
    for (int s = 0; s < chain->stages; s++) {
        const double cost = sluice__stage_compute(chain, s, (sluice__span){first[s], first[s + 1]});
        squares += (cost - mean) * (cost - mean);
    }
    const double limit = fmax(value, mean + sqrt(squares) * (1 + 1e-9));
    return sluice__solve_chain(first, &value, chain, limit);
}

/* ---- blocks ---- */

typedef struct blocks {
    const double *costs; /* of layers, from 0 to 1 */
    int *first;
    int count;
} blocks;

static double block_cost(const blocks *at, int b) {
    double sum = 0;
    for (int l = at->first[b]; l < at->first[b + 1]; l++) sum += at->costs[l];
    return sum;
}

static int largest_block(const blocks *at) {
    int largest = 0;
    for (int b = 1; b < at->count; b++)
        if (block_cost(at, b) > block_cost(at, largest)) largest = b;
    return largest;
}

/* The smallest block; among equals the closest to block `to`. */
static int smallest_block(const blocks *at, int to) {
    int smallest = 0;
    for (int b = 1; b < at->count; b++) {
        const double cost = block_cost(at, b), lowest = block_cost(at, smallest);
        if (cost < lowest || (cost == lowest && abs(b - to) < abs(smallest - to))) smallest = b;
    }
    return smallest;
}

/* Move a layer to the small block from its neighbour towards the large one, whose index it returns;
 * -1: the neighbour has one layer only. */
static int feed_block(const blocks *at, int small, int large) {
    const int from = large < small ? small - 1 : small + 1;
    if (at->first[from + 1] - at->first[from] < 2) return -1;
    if (from < small)
        at->first[small]--;
    else
        at->first[from]++;
    return from;
}

/* Until the largest and the smallest block differ by at most 1: layers move towards the smallest
 * block, from neighbour to neighbour, until one has left the largest. A block keeps a layer, unlike
 * in the paper. */
static void even_out(const blocks *at) {
    for (;;) {
        const int large     = largest_block(at);
        const double before = block_cost(at, large);
        for (int from = -1; from != large;) {
            const int small = smallest_block(at, large);
            if (before <= block_cost(at, small) + 1) return;
            from = feed_block(at, small, large);
            if (from < 0) return;
        }
    }
}

static void equal_layers(int *first, int layers, int stages) {
    for (int s = 0; s <= stages; s++) first[s] = (int)((int64_t)layers * s / stages);
}

static sluice_status partition_blocks(int *first, const sluice__chain *chain) {
    const double *time = chain->costs[0].time;
    double *costs, low = INFINITY, high = 0;
    SLUICE__TRY(sluice__alloc(&costs, (size_t)chain->n, sizeof *costs));
    for (int l = 0; l < chain->n; l++) {
        low  = fmin(low, time[l + 1] - time[l]);
        high = fmax(high, time[l + 1] - time[l]);
    }
    for (int l = 0; l < chain->n && high > low; l++)
        costs[l] = (time[l + 1] - time[l] - low) / (high - low);
    equal_layers(first, chain->n, chain->stages);
    even_out(&(blocks){costs, first, chain->stages});
    sluice__free(costs);
    return SLUICE_OK;
}

/* ---- all ---- */

static sluice_status run(int *first, const sluice__chain *chain, sluice_baseline baseline) {
    double value;
    switch (baseline) {
    case SLUICE_BASELINE_EQUAL_PARAMETERS:
        return sluice__solve_chain(first, &value, chain, -1);
    case SLUICE_BASELINE_VARIANCE:
        return fewest_squares(first, chain);
    case SLUICE_BASELINE_BLOCKS:
        return partition_blocks(first, chain);
    case SLUICE_BASELINE_EQUAL_LAYERS:
        break;
    }
    equal_layers(first, chain->n, chain->stages);
    return SLUICE_OK;
}

sluice_status sluice_partition_baseline(sluice_split *out, const sluice_partition *problem,
                                        sluice_baseline baseline) {
    SLUICE__TRY(sluice__check_partition(problem));
    const sluice_objective objective = baseline == SLUICE_BASELINE_EQUAL_PARAMETERS
                                           ? SLUICE_OBJECTIVE_PARAMETERS
                                           : SLUICE_OBJECTIVE_TIME;
    sluice__chain chain              = {0};
    int *first                       = NULL;
    sluice_status status             = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&first, (size_t)problem->stages + 1, sizeof *first));
    SLUICE__TRY_OUT(sluice__chain_make_plain(&chain, problem->layers[0], problem->layer_count,
                                             problem->stages, objective));
    SLUICE__TRY_OUT(run(first, &chain, baseline));
    out->stages = problem->stages;
    memcpy(out->first, first, ((size_t)problem->stages + 1) * sizeof *first);
out:
    sluice__chain_free(&chain);
    sluice__free(first);
    return status;
}
