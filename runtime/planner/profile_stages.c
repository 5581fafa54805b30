/* SPDX-License-Identifier: MIT */
/* profile_stages.c -- layers of a profile made into stages: the split, costs and memory. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/compiled.h"
#include "sluice/profile.h"

sluice_status sluice_profile_find(const sluice_profile_table **out, const sluice_profile *profile,
                                  int64_t microbatch) {
    char sizes[256];
    size_t used = 0;
    if (microbatch == 0 && profile->table_count == 1) {
        *out = &profile->tables[0];
        return SLUICE_OK;
    }
    for (int t = 0; t < profile->table_count; t++) {
        if (profile->tables[t].microbatch == microbatch) {
            *out = &profile->tables[t];
            return SLUICE_OK;
        }
        if (used < sizeof sizes)
            used += (size_t)snprintf(sizes + used, sizeof sizes - used, "%s%lld", t > 0 ? ", " : "",
                                     (long long)profile->tables[t].microbatch);
    }
    if (microbatch == 0)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "the profile has tables for micro-batches of %s, and none is chosen",
                            sizes);
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "the profile has no table for micro-batches of %lld; it has %s",
                        (long long)microbatch, sizes);
}

sluice_status sluice_profile_split(sluice_split *out, const sluice_profile_table *table,
                                   int stages) {
    sluice_cost *costs;
    SLUICE__TRY(sluice__alloc(&costs, (size_t)table->layer_count, sizeof *costs));
    for (int l = 0; l < table->layer_count; l++) {
        const sluice_profile_layer *layer = &table->layers[l];
        costs[l] = (sluice_cost){layer->forward_s, layer->input_s, layer->weight_s};
    }
    const sluice_status status = sluice_split_minmax(out, costs, table->layer_count, stages);
    sluice__free(costs);
    return status;
}

static void sum_stage(const sluice_profile_costs *out, int s, const sluice_profile_layer *layers,
                      int count) {
    out->costs[s]     = (sluice_cost){0, 0, 0};
    out->recompute[s] = 0;
    out->bytes[s]     = (sluice_stage_bytes){.output = layers[count - 1].output_bytes};
    for (int l = 0; l < count; l++) {
        out->costs[s].forward += layers[l].forward_s;
        out->costs[s].input += layers[l].input_s;
        out->costs[s].weight += layers[l].weight_s;
        out->recompute[s] += layers[l].recompute_s;
        out->bytes[s].saved += layers[l].saved_bytes;
        out->bytes[s].stash += layers[l].input_to_weight_bytes;
        if (out->bytes[s].scratch < layers[l].scratch_bytes)
            out->bytes[s].scratch = layers[l].scratch_bytes;
    }
}

static int rank_of_layer(const sluice_split *split, const sluice_schedule *schedule, int layer) {
    int s = 0;
    while (layer >= split->first[s + 1]) s++;
    return sluice_schedule_stage_rank(schedule, s);
}

/* An earlier layer on `rank` that shares parameters with `layer`; NULL: none. */
static const sluice_profile_layer *find_tied(const sluice_profile_table *table,
                                             const sluice_split *split,
                                             const sluice_schedule *schedule, int layer, int rank) {
    const char *tie = table->layers[layer].tie;
    for (int l = 0; tie && l < layer; l++)
        if (table->layers[l].tie && strcmp(table->layers[l].tie, tie) == 0 &&
            rank_of_layer(split, schedule, l) == rank)
            return &table->layers[l];
    return NULL;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Tied layers share at most as much as the smaller of them has. */
static void add_permanent(const sluice_profile_costs *out, const sluice_profile *profile,
                          const sluice_profile_layer *layer, const sluice_profile_layer *tied,
                          int stage, int rank, int states) {
    const size_t shared  = tied ? smaller(tied->parameter_bytes, layer->parameter_bytes) : 0;
    const int64_t common = !tied                                  ? 0
                           : tied->parameters < layer->parameters ? tied->parameters
                                                                  : layer->parameters;
    const size_t own     = layer->parameter_bytes - shared;
    out->bytes[stage].permanent +=
        layer->parameter_bytes + own * (size_t)(1 + states) + layer->state_bytes;
    out->updates[rank] += profile->update_s_per_parameter * (double)(layer->parameters - common);
}

sluice_status sluice_profile_stages(const sluice_profile_costs *out, const sluice_profile *profile,
                                    const sluice_profile_table *table, const sluice_split *split,
                                    const sluice_schedule *schedule, int states) {
    SLUICE__TRY(sluice__check_split(split, schedule, table->layer_count, "profile"));
    for (int r = 0; r < sluice_schedule_ranks(schedule); r++) out->updates[r] = 0;
    for (int s = 0; s < split->stages; s++) {
        const int first = split->first[s], count = split->first[s + 1] - first;
        const int rank = sluice_schedule_stage_rank(schedule, s);
        sum_stage(out, s, &table->layers[first], count);
        for (int l = first; l < first + count; l++)
            add_permanent(out, profile, &table->layers[l],
                          find_tied(table, split, schedule, l, rank), s, rank, states);
    }
    return SLUICE_OK;
}
