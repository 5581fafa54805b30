/* SPDX-License-Identifier: MIT */
/* solve.c -- the one place that chooses how a partition problem is solved, and says why nothing
 * fits. */
#include <math.h>
#include <string.h>

#include "partition/chain.h"
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

enum { MAX_EXACT_STAGES = 16 };
static const double rounding = 1e-12;

/* Boundaries where each stage has had its rank's share of the layers, as far as pins allow. */
static void start_evenly(int *first, const sluice__chain *chain, const double *weights) {
    double all = 0, until = 0;
    int layer = 0;
    for (int s = 0; s < chain->stages; s++)
        all += weights[chain->stage_rank[s]] / chain->rank[chain->stage_rank[s]].count;
    const double *time = chain->costs[0].time;
    first[0]           = 0;
    for (int s = 1; s <= chain->stages; s++) {
        const int rank = chain->stage_rank[s - 1];
        until += weights[rank] / chain->rank[rank].count / all * time[chain->n];
        while (layer < chain->n && time[layer] < until) layer++;
        first[s] = layer;
        if (first[s] <= first[s - 1]) first[s] = first[s - 1] + 1;
        if (first[s] < chain->lowest[s]) first[s] = chain->lowest[s];
        if (first[s] > chain->highest[s]) first[s] = chain->highest[s];
    }
}

static sluice_status search_chunks(int *first, double *value, bool *is_best,
                                   const sluice__chain *chain) {
    const bool is_exact = chain->stages <= MAX_EXACT_STAGES;
    SLUICE__TRY(sluice__anneal(first, value, chain, is_exact));
    *is_best = *value <= chain->bound * (1 + rounding);
    if (*is_best) return SLUICE_OK;
    if (is_exact) SLUICE__TRY(sluice__branch(first, value, is_best, chain));
    if (is_exact && !*is_best) SLUICE__TRY(sluice__anneal(first, value, chain, false));
    return SLUICE_OK;
}

static sluice_status solve_chunks(int *first, double *value, bool *is_best,
                                  const sluice__chain *chain) {
    double *weights;
    SLUICE__TRY(sluice__alloc(&weights, (size_t)chain->ranks, sizeof *weights));
    sluice__rank_weights(weights, chain);
    start_evenly(first, chain, weights);
    sluice__free(weights);
    SLUICE__TRY(search_chunks(first, value, is_best, chain));
    return sluice__even_out(first, chain);
}

static sluice_status solve_any(int *first, double *value, bool *is_best,
                               const sluice__chain *chain) {
    *is_best = true;
    if (chain->has_one_each) return sluice__solve_chain(first, value, chain, -1);
    return solve_chunks(first, value, is_best, chain);
}

/* The split that exceeds a limit by as little as possible says what is missing. */
static sluice_status refuse(const sluice__chain *chain, int *first, bool is_proven) {
    sluice__chain excess = *chain;
    double beyond, bytes = 0;
    bool is_best;
    int rank = 0;
    double *loads;
    excess.is_excess = true;
    excess.bound     = 0;
    SLUICE__TRY(solve_any(first, &beyond, &is_best, &excess));
    SLUICE__TRY(sluice__alloc(&loads, (size_t)chain->ranks, sizeof *loads));
    (void)sluice__split_value(&excess, loads, first);
    for (int r = 0; r < chain->ranks; r++)
        if (loads[r] > loads[rank]) rank = r;
    bytes = loads[rank];
    sluice__free(loads);
    const size_t limit = chain->problem.memory_limits[rank];
    return sluice__hint(
        sluice__fail(SLUICE_E_DEVICE_MEMORY,
                     "%s: in the one that comes closest rank %d holds %.0f bytes, %.0f more than "
                     "its limit of %zu",
                     is_proven ? "no split fits" : "no split was found that fits", rank,
                     bytes + (double)limit, bytes, limit),
        "recompute, use smaller micro-batches or more ranks, or raise the limit");
}

static sluice_status solve(sluice_partition_result *out, sluice__chain *chain, int *first) {
    double value;
    bool is_best;
    if (!chain->is_excess) SLUICE__TRY(sluice__bound(&chain->bound, chain));
    SLUICE__TRY(solve_any(first, &value, &is_best, chain));
    if (isinf(value)) return refuse(chain, first, is_best);
    out->split.stages = chain->stages;
    memcpy(out->split.first, first, ((size_t)chain->stages + 1) * sizeof(int));
    out->value   = value;
    out->bound   = fmin(chain->bound, value);
    out->is_best = is_best;
    return SLUICE_OK;
}

sluice_status sluice_partition_solve(sluice_partition_result *out,
                                     const sluice_partition *problem) {
    sluice__chain chain;
    int *first           = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY(sluice__check_partition(problem));
    SLUICE__TRY_OUT(
        sluice__chain_make(&chain, problem, problem->objective == SLUICE_OBJECTIVE_EXCESS));
    chain.is_excess = problem->objective == SLUICE_OBJECTIVE_EXCESS;
    SLUICE__TRY_OUT(sluice__alloc(&first, (size_t)chain.stages + 1, sizeof *first));
    status = solve(out, &chain, first);
out:
    sluice__free(first);
    sluice__chain_free(&chain);
    return status;
}

static sluice_status check_split(const sluice_split *split, const sluice_partition *problem) {
    if (split->stages != problem->stages || split->first[0] != 0 ||
        split->first[split->stages] != problem->layer_count)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "the split is one of %d layers into %d stages, the problem has %d and "
                            "%d",
                            split->first[split->stages], split->stages, problem->layer_count,
                            problem->stages);
    for (int s = 0; s < split->stages; s++)
        if (split->first[s] >= split->first[s + 1])
            return sluice__fail(SLUICE_E_ARGUMENT, "stage %d of the split has no layer", s);
    return SLUICE_OK;
}

static sluice_status load_ranks(sluice_partition_load *out, const sluice__chain *chain,
                                const sluice_split *split) {
    for (int r = 0; r < chain->ranks; r++) {
        sluice__span spans[SLUICE__MAX_CHUNKS];
        sluice__spans_of(spans, chain, r, split->first);
        out[r]       = (sluice_partition_load){.seconds    = sluice__rank_time(chain, r, spans),
                                               .bytes      = sluice__rank_bytes(chain, r, spans),
                                               .parameters = sluice__rank_parameters(chain, r, spans)};
        out[r].arena = out[r].bytes;
        if (chain->problem.buffers) SLUICE__TRY(sluice__rank_arena(&out[r].arena, chain, r, spans));
    }
    return SLUICE_OK;
}

sluice_status sluice_partition_loads(sluice_partition_load *out, const sluice_partition *problem,
                                     const sluice_split *split) {
    sluice__chain chain;
    sluice_partition_load *loads = NULL;
    sluice_status status         = SLUICE_OK;
    SLUICE__TRY(sluice__check_partition(problem));
    SLUICE__TRY(check_split(split, problem));
    SLUICE__TRY_OUT(sluice__chain_make(&chain, problem, true));
    SLUICE__TRY_OUT(sluice__alloc(&loads, (size_t)chain.ranks, sizeof *loads));
    SLUICE__TRY_OUT(load_ranks(loads, &chain, split));
    memcpy(out, loads, (size_t)chain.ranks * sizeof *out);
out:
    sluice__free(loads);
    sluice__chain_free(&chain);
    return status;
}
