/* SPDX-License-Identifier: MIT */
/* value.c -- what stages, ranks and splits are worth in a problem's objective. */
#include <math.h>

#include "partition/chain.h"

static const sluice__costs *costs_of(const sluice__chain *chain, int stage) {
    return &chain->costs[chain->rank_costs[chain->stage_rank[stage]]];
}

double sluice__stage_compute(const sluice__chain *chain, int stage, sluice__span span) {
    const sluice__costs *costs = costs_of(chain, stage);
    const double time          = costs->time[span.end] - costs->time[span.begin];
    if (!chain->problem.recompute || !chain->problem.recompute[stage]) return time;
    return time + (costs->again[span.end] - costs->again[span.begin]);
}

/* The transfers of the boundary in front of `stage`, which begins with layer `begin`. */
static double cut_time(const sluice__chain *chain, int stage, int begin) {
    const sluice__cut *cut = &chain->cuts[stage];
    return cut->fixed + cut->per_byte * (double)chain->problem.layers[0][begin - 1].output_bytes;
}

double sluice__stage_time(const sluice__chain *chain, int stage, sluice__span span) {
    double time = sluice__stage_compute(chain, stage, span);
    if (stage > 0) time += cut_time(chain, stage, span.begin);
    if (stage + 1 < chain->stages) time += cut_time(chain, stage + 1, span.end);
    return time;
}

double sluice__rank_time(const sluice__chain *chain, int rank, const sluice__span *spans) {
    const sluice__rank_stages *at = &chain->rank[rank];
    double time                   = 0;
    for (int k = 0; k < at->count; k++) time += sluice__stage_time(chain, at->stages[k], spans[k]);
    return time;
}

bool sluice__is_in(const sluice__span *spans, int count, int layer) {
    for (int k = 0; k < count; k++)
        if (layer >= spans[k].begin && layer < spans[k].end) return true;
    return false;
}

bool sluice__shares(const sluice__chain *chain, const sluice__span *spans, int count, int layer) {
    if (!sluice__is_in(spans, count, layer)) return false;
    for (int l = chain->tie_before[layer]; l >= 0; l = chain->tie_before[l])
        if (sluice__is_in(spans, count, l)) return true;
    return false;
}

static double parameters_of(const sluice__chain *chain, const sluice__span *spans, int count) {
    double sum = 0;
    for (int k = 0; k < count; k++)
        sum += chain->parameters[spans[k].end] - chain->parameters[spans[k].begin];
    for (int k = 0; k < chain->tied_count; k++)
        if (sluice__shares(chain, spans, count, chain->tied[k]))
            sum -= chain->tie_parameters[chain->tie_first[chain->tied[k]]];
    return sum;
}

double sluice__rank_parameters(const sluice__chain *chain, int rank, const sluice__span *spans) {
    return parameters_of(chain, spans, chain->rank[rank].count);
}

/* ---- values ---- */

static double limit_of(const sluice__chain *chain, int rank) {
    const size_t limit = chain->is_limited ? chain->problem.memory_limits[rank] : 0;
    return limit > 0 ? (double)limit : INFINITY;
}

bool sluice__bytes_fit(const sluice__chain *chain, int rank, double bytes) {
    return bytes <= limit_of(chain, rank);
}

bool sluice__rank_fits(const sluice__chain *chain, int rank, const sluice__span *spans) {
    const double limit = limit_of(chain, rank);
    return isinf(limit) || sluice__rank_bytes(chain, rank, spans) <= limit;
}

double sluice__rank_cost(const sluice__chain *chain, int rank, const sluice__span *spans) {
    if (chain->is_excess)
        return fmax(0, sluice__rank_bytes(chain, rank, spans) - limit_of(chain, rank));
    switch (chain->problem.objective) {
    case SLUICE_OBJECTIVE_EXCESS: /* is_excess */
    case SLUICE_OBJECTIVE_MEMORY:
        return sluice__rank_bytes(chain, rank, spans);
    case SLUICE_OBJECTIVE_PARAMETERS:
        return sluice__rank_parameters(chain, rank, spans);
    case SLUICE_OBJECTIVE_TIME:
        break;
    }
    return sluice__rank_time(chain, rank, spans);
}

double sluice__rank_value(const sluice__chain *chain, int rank, const sluice__span *spans) {
    const bool counts_bytes = chain->problem.objective == SLUICE_OBJECTIVE_MEMORY;
    const double cost       = sluice__rank_cost(chain, rank, spans);
    if (chain->is_excess) return cost;
    const bool fits =
        counts_bytes ? sluice__bytes_fit(chain, rank, cost) : sluice__rank_fits(chain, rank, spans);
    return fits ? cost : INFINITY;
}

double sluice__stage_floor(const sluice__chain *chain, int stage, sluice__span span) {
    const bool counts_bytes = chain->problem.objective == SLUICE_OBJECTIVE_MEMORY;
    double bytes            = 0;
    if (chain->is_limited || counts_bytes || chain->is_excess)
        bytes = sluice__bytes_floor(chain, stage, span);
    const double limit = limit_of(chain, chain->stage_rank[stage]);
    if (chain->is_excess) return fmax(0, bytes - limit);
    if (bytes > limit) return INFINITY;
    if (counts_bytes) return bytes;
    if (chain->problem.objective == SLUICE_OBJECTIVE_PARAMETERS)
        return parameters_of(chain, &span, 1);
    return sluice__stage_compute(chain, stage, span);
}

void sluice__spans_of(sluice__span *out, const sluice__chain *chain, int rank, const int *first) {
    const sluice__rank_stages *at = &chain->rank[rank];
    for (int k = 0; k < at->count; k++)
        out[k] = (sluice__span){first[at->stages[k]], first[at->stages[k] + 1]};
}

bool sluice__shift_begins(int *first, const sluice__chain *chain, int from, int to, int shift) {
    if (shift < 0 ? first[from] + shift <= first[from - 1] : first[to] + shift >= first[to + 1])
        return false;
    for (int s = from; s <= to; s++)
        if (first[s] + shift < chain->lowest[s] || first[s] + shift > chain->highest[s])
            return false;
    for (int s = from; s <= to; s++) first[s] += shift;
    return true;
}

double sluice__split_value(const sluice__chain *chain, double *loads, const int *first) {
    double largest = 0;
    for (int r = 0; r < chain->ranks; r++) {
        sluice__span spans[SLUICE__MAX_CHUNKS];
        sluice__spans_of(spans, chain, r, first);
        const double value = sluice__rank_value(chain, r, spans);
        if (loads) loads[r] = value;
        if (value > largest) largest = value;
    }
    return largest;
}
