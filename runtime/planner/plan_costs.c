/* SPDX-License-Identifier: MIT */
/* plan_costs.c -- seconds of a split's stages, transfers and updates, each at the rates of its
 * rank. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/planner/plan_space.h"

static void add_layer(sluice__plan_costs *out, int stage, const sluice_profile_layer *row) {
    out->stages[stage].forward += row->forward_s;
    out->stages[stage].input += row->input_s;
    out->stages[stage].weight += row->weight_s;
    out->recompute[stage] += row->recompute_s;
    out->outputs[stage] = row->output_bytes;
}

static void add_stages(sluice__plan_costs *out, const sluice__split_problem *p,
                       const sluice_split *split) {
    for (int s = 0; s < split->stages; s++)
        for (int l = split->first[s]; l < split->first[s + 1]; l++)
            add_layer(out, s, &p->rows[p->stage_ranks[s]][l]);
}

/* An update reads parameter, gradient and state, and writes all but the gradient. */
static sluice_status update_seconds(double *out, const sluice__split_problem *p, int rank,
                                    int states) {
    const sluice_profile *profile = p->profiles[rank];
    if (profile) {
        *out = profile->update_s_per_parameter;
        return SLUICE_OK;
    }
    sluice_device_rates rates;
    SLUICE__TRY(sluice__split_rates(&rates, p));
    *out = 4 * (3 + 2 * states) / rates.bytes_per_s;
    return SLUICE_OK;
}

static sluice_status add_updates(sluice__plan_costs *out, const sluice__split_problem *p,
                                 const sluice_split *split, int states) {
    sluice_partition_load *loads;
    SLUICE__TRY(sluice__alloc(&loads, (size_t)p->ranks, sizeof *loads));
    sluice_status status = sluice_partition_loads(loads, &p->partition, split);
    for (int r = 0; status == SLUICE_OK && r < p->ranks; r++) {
        status = update_seconds(&out->updates[r], p, r, states);
        out->updates[r] *= loads[r].parameters;
    }
    sluice__free(loads);
    return status;
}

sluice_status sluice__plan_costs_make(sluice__plan_costs *out,
                                      const sluice__plan_configuration *configuration, int states) {
    const sluice__split_problem *p = &configuration->problem;
    const size_t stages            = (size_t)configuration->split->stages;
    SLUICE__TRY(sluice__alloc(&out->stages, stages, sizeof *out->stages));
    SLUICE__TRY(sluice__alloc(&out->recompute, stages, sizeof *out->recompute));
    SLUICE__TRY(sluice__alloc(&out->outputs, stages, sizeof *out->outputs));
    SLUICE__TRY(sluice__alloc(&out->updates, (size_t)p->ranks, sizeof *out->updates));
    add_stages(out, p, configuration->split);
    SLUICE__TRY(add_updates(out, p, configuration->split, states));
    out->costs = (sluice_simulation_costs){.stages     = out->stages,
                                           .recompute  = out->recompute,
                                           .updates    = out->updates,
                                           .latency    = p->partition.latency,
                                           .bandwidth  = p->partition.bandwidth,
                                           .links      = p->partition.links,
                                           .link_count = p->partition.link_count,
                                           .overlap    = p->profile ? p->profile->overlap : 0};
    return SLUICE_OK;
}

void sluice__plan_costs_free(sluice__plan_costs *costs) {
    sluice__free(costs->stages);
    sluice__free(costs->recompute);
    sluice__free(costs->updates);
    sluice__free(costs->outputs);
}

double sluice__plan_transfer(const sluice__plan_costs *costs, int from, int to, size_t bytes) {
    double latency = costs->costs.latency, bandwidth = costs->costs.bandwidth;
    if (from == to) return 0;
    for (int k = 0; k < costs->costs.link_count; k++) {
        const sluice_link_cost *link = &costs->costs.links[k];
        if (link->from != from || link->to != to) continue;
        latency   = link->latency;
        bandwidth = link->bandwidth;
    }
    return latency + (bandwidth > 0 ? (double)bytes / bandwidth : 0);
}
