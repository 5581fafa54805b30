/* SPDX-License-Identifier: MIT */
/*
 * bound.c -- the one place that says what no split can have less of.
 *
 * With weights y of the ranks that add up to 1, the most expensive rank has at least
 *
 *     sum over ranks of y x load  >=  sum over layers of the least y x cost on any rank,
 *
 * and every boundary adds at least its cheapest transfer to the two ranks that it joins. The
 * weights are the ranks' speeds: for equal devices this is the mean, for devices that differ by a
 * factor it is what they would take if layers could be cut anywhere. No rank has less than the most
 * expensive layer at its cheapest, either.
 */
#include <math.h>

#include "partition/chain.h"
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

void sluice__rank_weights(double *out, const sluice__chain *chain) {
    double sum = 0;
    for (int r = 0; r < chain->ranks; r++) {
        const double time = chain->costs[chain->rank_costs[r]].time[chain->n];
        const bool timed  = chain->problem.objective == SLUICE_OBJECTIVE_TIME && time > 0;
        out[r]            = timed ? 1 / time : 1;
        sum += out[r];
    }
    for (int r = 0; r < chain->ranks; r++) out[r] /= sum;
}

double sluice__layer_floor(const sluice__chain *chain, int rank, int layer) {
    if (chain->is_excess) return 0;
    const sluice_profile_layer *row = &chain->problem.layers[0][layer];
    const bool is_tied              = chain->tie_before[layer] >= 0;
    switch (chain->problem.objective) {
    case SLUICE_OBJECTIVE_PARAMETERS:
        return is_tied ? 0 : (double)row->parameters;
    case SLUICE_OBJECTIVE_EXCESS: /* is not asked */
    case SLUICE_OBJECTIVE_MEMORY:
        return sluice__layer_bytes_floor(chain, rank, layer);
    case SLUICE_OBJECTIVE_TIME:
        break;
    }
    const sluice__rank_stages *at = &chain->rank[rank];
    double lowest                 = INFINITY;
    for (int k = 0; k < at->count; k++)
        lowest = fmin(
            lowest, sluice__stage_compute(chain, at->stages[k], (sluice__span){layer, layer + 1}));
    return lowest;
}

/* Every stage has at least one of the layers that it may have. */
static double cheapest_stage(const sluice__chain *chain, int stage) {
    const int rank = chain->stage_rank[stage];
    double lowest  = INFINITY;
    if (stage == 0) return sluice__layer_floor(chain, rank, 0);
    if (stage == chain->stages - 1) return sluice__layer_floor(chain, rank, chain->n - 1);
    for (int l = chain->lowest[stage]; l < chain->highest[stage + 1]; l++)
        lowest = fmin(lowest, sluice__layer_floor(chain, rank, l));
    return lowest;
}

static double largest_forced(const sluice__chain *chain) {
    double largest = 0;
    for (int r = 0; r < chain->ranks; r++) {
        double sum = 0;
        for (int k = 0; k < chain->rank[r].count; k++)
            sum += cheapest_stage(chain, chain->rank[r].stages[k]);
        largest = fmax(largest, sum);
    }
    return largest;
}

static double cheapest_cut(const sluice__chain *chain, int stage) {
    const sluice__cut *cut = &chain->cuts[stage];
    double lowest          = INFINITY;
    if (cut->fixed == 0 && cut->per_byte == 0) return 0;
    for (int l = chain->lowest[stage]; l <= chain->highest[stage]; l++)
        lowest = fmin(lowest, (double)chain->problem.layers[0][l - 1].output_bytes);
    return cut->fixed + cut->per_byte * lowest;
}

sluice_status sluice__bound(double *out, const sluice__chain *chain) {
    double *weights, sum = 0, largest = 0;
    SLUICE__TRY(sluice__alloc(&weights, (size_t)chain->ranks, sizeof *weights));
    sluice__rank_weights(weights, chain);
    for (int l = 0; l < chain->n; l++) {
        double weighted = INFINITY, lowest = INFINITY;
        for (int r = 0; r < chain->ranks; r++) {
            const double cost = sluice__layer_floor(chain, r, l);
            weighted          = fmin(weighted, weights[r] * cost);
            lowest            = fmin(lowest, cost);
        }
        sum += weighted;
        largest = fmax(largest, lowest);
    }
    for (int s = 1; s < chain->stages && chain->problem.objective == SLUICE_OBJECTIVE_TIME; s++)
        sum += cheapest_cut(chain, s) *
               (weights[chain->stage_rank[s - 1]] + weights[chain->stage_rank[s]]);
    sluice__free(weights);
    *out = fmax(fmax(sum, largest), chain->has_one_each ? 0 : largest_forced(chain));
    return SLUICE_OK;
}
