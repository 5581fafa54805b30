/* SPDX-License-Identifier: MIT */
/* chain.c -- the one place that adds up a partition problem's rows, links and pins. */
#include "partition/chain.h"

#include <math.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

/* ---- devices ---- */

static sluice_status add_costs(sluice__chain *chain, const sluice_profile_layer *layers) {
    sluice__costs *costs = &chain->costs[chain->cost_count++];
    const size_t count   = (size_t)chain->n + 1;
    costs->layers        = layers;
    SLUICE__TRY(sluice__alloc(&costs->time, count, sizeof(double)));
    SLUICE__TRY(sluice__alloc(&costs->again, count, sizeof(double)));
    for (int l = 0; l < chain->n; l++) {
        costs->time[l + 1] =
            costs->time[l] + layers[l].forward_s + layers[l].input_s + layers[l].weight_s;
        costs->again[l + 1] = costs->again[l] + layers[l].recompute_s;
    }
    return SLUICE_OK;
}

static sluice_status sum_costs(sluice__chain *chain) {
    SLUICE__TRY(sluice__alloc(&chain->costs, (size_t)chain->ranks, sizeof *chain->costs));
    SLUICE__TRY(sluice__alloc(&chain->rank_costs, (size_t)chain->ranks, sizeof(int)));
    for (int r = 0; r < chain->ranks; r++) {
        const sluice_profile_layer *layers = chain->problem.layers[r];
        int k                              = 0;
        while (k < chain->cost_count && chain->costs[k].layers != layers) k++;
        if (k == chain->cost_count) SLUICE__TRY(add_costs(chain, layers));
        chain->rank_costs[r] = k;
    }
    return SLUICE_OK;
}

/* ---- stages of ranks, links ---- */

static sluice_status index_stages(sluice__chain *chain) {
    const sluice_partition *p = &chain->problem;
    SLUICE__TRY(sluice__alloc(&chain->stage_rank, (size_t)chain->stages, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&chain->rank, (size_t)chain->ranks, sizeof *chain->rank));
    for (int s = 0; s < chain->stages; s++) {
        chain->stage_rank[s] = p->stage_ranks ? p->stage_ranks[s] : s % chain->ranks;
        chain->rank[chain->stage_rank[s]].count++;
    }
    chain->has_one_each = true;
    for (int r = 0; r < chain->ranks; r++) {
        sluice__rank_stages *rank = &chain->rank[r];
        if (rank->count == 0)
            return sluice__hint(
                sluice__fail(SLUICE_E_ARGUMENT, "rank %d of %d has no stage", r, chain->ranks),
                "leave it out");
        if (rank->count > SLUICE__MAX_CHUNKS)
            return sluice__fail(SLUICE_E_ARGUMENT, "rank %d has %d stages; it may have %d", r,
                                rank->count, SLUICE__MAX_CHUNKS);
        if (rank->count > 1) chain->has_one_each = false;
        SLUICE__TRY(sluice__alloc(&rank->stages, (size_t)rank->count, sizeof(int)));
        rank->count = 0;
    }
    for (int s = 0; s < chain->stages; s++) {
        sluice__rank_stages *rank   = &chain->rank[chain->stage_rank[s]];
        rank->stages[rank->count++] = s;
    }
    return SLUICE_OK;
}

static void add_link(sluice__cut *cut, const sluice_partition *p, int from, int to) {
    double latency = p->latency, bandwidth = p->bandwidth;
    for (int k = 0; k < p->link_count; k++)
        if (p->links[k].from == from && p->links[k].to == to) {
            latency   = p->links[k].latency;
            bandwidth = p->links[k].bandwidth;
        }
    cut->fixed += latency;
    if (bandwidth > 0) cut->per_byte += 1 / bandwidth;
}

static sluice_status sum_links(sluice__chain *chain) {
    SLUICE__TRY(sluice__alloc(&chain->cuts, (size_t)chain->stages, sizeof *chain->cuts));
    for (int s = 1; s < chain->stages; s++) {
        const int before = chain->stage_rank[s - 1], after = chain->stage_rank[s];
        if (before == after) continue;
        add_link(&chain->cuts[s], &chain->problem, before, after);
        add_link(&chain->cuts[s], &chain->problem, after, before);
    }
    return SLUICE_OK;
}

/* ---- pins: where each stage may begin ---- */

static void apply_pins(sluice__chain *chain) {
    const sluice_partition *p = &chain->problem;
    for (int s = 0; s <= chain->stages; s++) {
        chain->lowest[s]  = s;
        chain->highest[s] = s == 0 ? 0 : chain->n - (chain->stages - s);
    }
    chain->lowest[chain->stages] = chain->n;
    for (int k = 0; k < p->pin_count; k++) {
        const int stage = p->pins[k].stage, layer = p->pins[k].layer;
        if (chain->highest[stage] > layer) chain->highest[stage] = layer;
        if (chain->lowest[stage + 1] < layer + 1) chain->lowest[stage + 1] = layer + 1;
    }
    for (int s = 1; s <= chain->stages; s++)
        if (chain->lowest[s] < chain->lowest[s - 1] + 1)
            chain->lowest[s] = chain->lowest[s - 1] + 1;
    for (int s = chain->stages - 1; s >= 0; s--)
        if (chain->highest[s] > chain->highest[s + 1] - 1)
            chain->highest[s] = chain->highest[s + 1] - 1;
}

/* Two pins whose layers are in one order and whose stages in the other. */
static sluice_status check_pins(const sluice_partition *p) {
    for (int a = 0; a < p->pin_count; a++)
        for (int b = 0; b < p->pin_count; b++)
            if (p->pins[a].layer <= p->pins[b].layer && p->pins[a].stage > p->pins[b].stage)
                return sluice__hint(
                    sluice__fail(SLUICE_E_ARGUMENT,
                                 "the pins contradict each other: layer %d is pinned to stage %d, "
                                 "and layer %d to stage %d",
                                 p->pins[a].layer, p->pins[a].stage, p->pins[b].layer,
                                 p->pins[b].stage),
                    "pin layers to stages in ascending order");
    return SLUICE_OK;
}

static sluice_status bound_begins(sluice__chain *chain) {
    const size_t count = (size_t)chain->stages + 1;
    SLUICE__TRY(sluice__alloc(&chain->lowest, count, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&chain->highest, count, sizeof(int)));
    SLUICE__TRY(check_pins(&chain->problem));
    apply_pins(chain);
    for (int s = 0; s <= chain->stages; s++)
        if (chain->lowest[s] > chain->highest[s])
            return sluice__hint(
                sluice__fail(
                    SLUICE_E_ARGUMENT,
                    "the pins leave %d layer%s too few for the stages next to them: stage %d "
                    "cannot begin before layer %d",
                    chain->lowest[s] - chain->highest[s],
                    chain->lowest[s] - chain->highest[s] == 1 ? "" : "s", s, chain->lowest[s]),
                "pin layers to stages in ascending order, and leave a layer for each stage");
    return SLUICE_OK;
}

/* ---- parameters ---- */

/* What tied layers have in common is no more than the smallest of them has. */
static void share(const sluice__chain *chain, int layer) {
    const sluice_profile_layer *row = &chain->problem.layers[0][layer];
    const int before                = chain->tie_before[layer],
              first                 = before < 0 ? layer : chain->tie_first[before];
    const double parameters = (double)row->parameters, bytes = (double)row->parameter_bytes;
    chain->tie_first[layer] = first;
    if (before < 0 || parameters < chain->tie_parameters[first])
        chain->tie_parameters[first] = parameters;
    if (before < 0 || bytes < chain->tie_bytes[first]) chain->tie_bytes[first] = bytes;
}

static sluice_status find_ties(sluice__chain *chain) {
    const sluice_profile_layer *rows = chain->problem.layers[0];
    const size_t n                   = (size_t)chain->n;
    SLUICE__TRY(sluice__alloc(&chain->tie_before, n, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&chain->tie_first, n, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&chain->tie_parameters, n, sizeof(double)));
    SLUICE__TRY(sluice__alloc(&chain->tie_bytes, n, sizeof(double)));
    SLUICE__TRY(sluice__alloc(&chain->tied, n, sizeof(int)));
    for (int l = 0; l < chain->n; l++) {
        chain->tie_before[l] = -1;
        for (int k = chain->tied_count - 1; rows[l].tie && k >= 0 && chain->tie_before[l] < 0; k--)
            if (strcmp(rows[chain->tied[k]].tie, rows[l].tie) == 0)
                chain->tie_before[l] = chain->tied[k];
        if (rows[l].tie) chain->tied[chain->tied_count++] = l;
        share(chain, l);
    }
    return SLUICE_OK;
}

static sluice_status sum_parameters(sluice__chain *chain) {
    const sluice_profile_layer *rows = chain->problem.layers[0];
    SLUICE__TRY(sluice__alloc(&chain->parameters, (size_t)chain->n + 1, sizeof(double)));
    for (int l = 0; l < chain->n; l++)
        chain->parameters[l + 1] = chain->parameters[l] + (double)rows[l].parameters;
    return SLUICE_OK;
}

/* ---- all ---- */

sluice_status sluice__chain_make(sluice__chain *out, const sluice_partition *problem,
                                 bool with_bytes) {
    *out = (sluice__chain){.problem = *problem,
                           .n       = problem->layer_count,
                           .stages  = problem->stages,
                           .ranks   = problem->ranks};
    for (int r = 0; problem->memory_limits && r < problem->ranks; r++)
        if (problem->memory_limits[r] > 0) out->is_limited = true;
    SLUICE__TRY(sum_costs(out));
    SLUICE__TRY(index_stages(out));
    SLUICE__TRY(sum_links(out));
    SLUICE__TRY(bound_begins(out));
    SLUICE__TRY(find_ties(out));
    SLUICE__TRY(sum_parameters(out));
    with_bytes = with_bytes || out->is_limited || problem->objective == SLUICE_OBJECTIVE_MEMORY;
    return with_bytes ? sluice__footprint_make(out) : SLUICE_OK;
}

sluice_status sluice__chain_make_plain(sluice__chain *out, const sluice_profile_layer *rows,
                                       int layers, int stages, sluice_objective objective) {
    sluice_partition plain = SLUICE_PARTITION_INIT;
    const sluice_profile_layer **all;
    *out = (sluice__chain){0};
    SLUICE__TRY(sluice__alloc(&all, (size_t)stages, sizeof *all));
    for (int s = 0; s < stages; s++) all[s] = rows;
    plain.layer_count = layers;
    plain.stages = plain.ranks = stages;
    plain.layers               = all;
    plain.objective            = objective;
    const sluice_status status = sluice__chain_make(out, &plain, false);
    out->same_rows             = all;
    return status == SLUICE_OK ? sluice__bound(&out->bound, out) : status;
}

void sluice__chain_free(sluice__chain *chain) {
    for (int k = 0; chain->costs && k < chain->cost_count; k++) {
        sluice__free(chain->costs[k].time);
        sluice__free(chain->costs[k].again);
    }
    for (int r = 0; chain->rank && r < chain->ranks; r++) {
        sluice__free(chain->rank[r].stages);
        sluice__free(chain->rank[r].counts);
        sluice__free(chain->rank[r].amounts);
        sluice__free(chain->rank[r].running);
        sluice__free(chain->rank[r].runs);
    }
    sluice__footprint_free(chain);
    sluice__free(chain->peaks);
    sluice__free(chain->same_rows);
    sluice__free(chain->costs);
    sluice__free(chain->rank_costs);
    sluice__free(chain->stage_rank);
    sluice__free(chain->rank);
    sluice__free(chain->cuts);
    sluice__free(chain->lowest);
    sluice__free(chain->highest);
    sluice__free(chain->tie_before);
    sluice__free(chain->tie_first);
    sluice__free(chain->tie_parameters);
    sluice__free(chain->tie_bytes);
    sluice__free(chain->tied);
    sluice__free(chain->parameters);
    *chain = (sluice__chain){0};
}
