/* SPDX-License-Identifier: MIT */
/*
 * branch_and_bound.c -- the one place that proves a split best where ranks have several stages: all
 * splits in order, without those that begin in a way that cannot end below the best that is known.
 *
 * The layers that are left go to ranks that have a stage left. Weighted as in bound.c, what these
 * ranks have and what is left is at least so much for one of them; ranks that are complete are
 * compared as they are.
 */
#include <math.h>
#include <string.h>

#include "partition/chain.h"
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

enum { DEFAULT_NODES = 4000000 };
static const double rounding = 1e-12;

typedef struct branch {
    const sluice__chain *chain;
    int *first, *best;
    double value;    /* of the best */
    double *loads;   /* [ranks]: at least */
    double *weights; /* [ranks] */
    double *rest;    /* [stages + 1][n + 1]: weighted layers from there on, on ranks with a stage */
    double *floors;  /* [ranks][n + 1]: sums */
    int *last_stage; /* [ranks] */
    int64_t nodes;   /* that are left */
} branch;

static double *rest_of(const branch *at, int stage, int layer) {
    return &at->rest[(size_t)stage * ((size_t)at->chain->n + 1) + (size_t)layer];
}

static double cheapest(const branch *at, int stage, int layer) {
    double lowest = INFINITY;
    for (int r = 0; r < at->chain->ranks; r++)
        if (at->last_stage[r] >= stage)
            lowest = fmin(lowest, at->weights[r] * sluice__layer_floor(at->chain, r, layer));
    return lowest;
}

static sluice_status prepare(branch *at) {
    const sluice__chain *chain = at->chain;
    const size_t ranks = (size_t)chain->ranks, width = (size_t)chain->n + 1;
    SLUICE__TRY(sluice__alloc(&at->best, (size_t)chain->stages + 1, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&at->loads, ranks, sizeof(double)));
    SLUICE__TRY(sluice__alloc(&at->weights, ranks, sizeof(double)));
    SLUICE__TRY(sluice__alloc(&at->last_stage, ranks, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&at->floors, ranks * width, sizeof(double)));
    SLUICE__TRY(sluice__alloc(&at->rest, ((size_t)chain->stages + 1) * width, sizeof(double)));
    sluice__rank_weights(at->weights, chain);
    for (int s = 0; s < chain->stages; s++) at->last_stage[chain->stage_rank[s]] = s;
    for (int r = 0; r < chain->ranks; r++)
        for (int l = 0; l < chain->n; l++)
            at->floors[(size_t)r * width + (size_t)l + 1] =
                at->floors[(size_t)r * width + (size_t)l] + sluice__layer_floor(chain, r, l);
    for (int s = 0; s < chain->stages; s++)
        for (int l = chain->n - 1; l >= 0; l--)
            *rest_of(at, s, l) = *rest_of(at, s, l + 1) + cheapest(at, s, l);
    return SLUICE_OK;
}

/* What a stage adds at least to its rank. */
static double added_by(const branch *at, int stage, sluice__span span) {
    const sluice__chain *chain = at->chain;
    if (chain->is_excess) return 0; /* counted when all of the rank is there */
    if (chain->problem.objective == SLUICE_OBJECTIVE_TIME)
        return sluice__stage_time(chain, stage, span);
    const double *floors = &at->floors[(size_t)chain->stage_rank[stage] * ((size_t)chain->n + 1)];
    return floors[span.end] - floors[span.begin];
}

/* How much of the layers that are left, weighted, ranks with a stage at or after `stage` can have
 * and still be better; negative: none. */
static double left_for(const branch *at, int stage) {
    double left = 0;
    for (int r = 0; r < at->chain->ranks; r++)
        if (at->last_stage[r] >= stage)
            left += at->weights[r] * (at->value * (1 - rounding) - at->loads[r]);
    return left;
}

/* Whether what begins like this, up to a boundary in front of `stage`, can be better. */
static bool can_be_better(const branch *at, int stage, int layer) {
    for (int r = 0; r < at->chain->ranks; r++)
        if (at->loads[r] >= at->value * (1 - rounding)) return false;
    return stage == at->chain->stages || *rest_of(at, stage, layer) < left_for(at, stage);
}

/* Where `stage` must end at the earliest. Its rank is complete then, if it is the rank's last: what
 * is left must fit into the others. */
static int first_end(const branch *at, int stage) {
    const sluice__chain *chain = at->chain;
    int low                    = chain->lowest[stage + 1];
    if (low <= at->first[stage]) low = at->first[stage] + 1;
    if (at->last_stage[chain->stage_rank[stage]] != stage || stage + 1 == chain->stages) return low;
    const double left = left_for(at, stage + 1);
    int high          = chain->highest[stage + 1] + 1;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (*rest_of(at, stage + 1, middle) < left)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The load of a rank whose stages are all there. */
static double complete_load(const branch *at, int r) {
    sluice__span spans[SLUICE__MAX_CHUNKS];
    sluice__spans_of(spans, at->chain, r, at->first);
    return sluice__rank_value(at->chain, r, spans);
}

static void keep(branch *at) {
    const double value = sluice__split_value(at->chain, NULL, at->first);
    if (value >= at->value) return;
    at->value = value;
    memcpy(at->best, at->first, ((size_t)at->chain->stages + 1) * sizeof(int));
}

/* Try every end of `stage`, which begins at first[stage]. */
static void descend(branch *at, int stage) { /* NOLINT(misc-no-recursion): at most 16 deep */
    const sluice__chain *chain = at->chain;
    const int rank = chain->stage_rank[stage], begin = at->first[stage];
    const double load = at->loads[rank];
    for (int end = first_end(at, stage); end <= chain->highest[stage + 1] && at->nodes > 0;
         end++, at->nodes--) {
        const sluice__span span = {begin, end};
        if (load + sluice__stage_floor(chain, stage, span) >= at->value &&
            chain->problem.objective == SLUICE_OBJECTIVE_TIME)
            break;
        at->first[stage + 1] = end;
        at->loads[rank]      = at->last_stage[rank] == stage ? complete_load(at, rank)
                                                             : load + added_by(at, stage, span);
        if (!can_be_better(at, stage + 1, end)) continue;
        if (stage + 1 == chain->stages)
            keep(at);
        else
            descend(at, stage + 1);
    }
    at->loads[rank] = load;
}

sluice_status sluice__branch(int *first, double *value, bool *is_proven,
                             const sluice__chain *chain) {
    branch at            = {.chain = chain, .value = *value, .nodes = chain->problem.max_nodes};
    const size_t bytes   = ((size_t)chain->stages + 1) * sizeof(int);
    sluice_status status = SLUICE_OK;
    if (at.nodes <= 0) at.nodes = DEFAULT_NODES;
    SLUICE__TRY_OUT(sluice__alloc(&at.first, (size_t)chain->stages + 1, sizeof(int)));
    SLUICE__TRY_OUT(prepare(&at));
    memcpy(at.best, first, bytes);
    descend(&at, 0);
    memcpy(first, at.best, bytes);
    *value     = at.value;
    *is_proven = at.nodes > 0;
out:
    sluice__free(at.first);
    sluice__free(at.best);
    sluice__free(at.loads);
    sluice__free(at.weights);
    sluice__free(at.rest);
    sluice__free(at.floors);
    sluice__free(at.last_stage);
    return status;
}
