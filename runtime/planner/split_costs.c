/* SPDX-License-Identifier: MIT */
/* split_costs.c -- the partition problem of a search: rows of each rank's device, links, limits,
 * and what the schedule holds. */
#include "runtime/planner/split_problem.h"

#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "sluice/plan.h"

/* ---- the rows of a rank ---- */

static const char *path_of(const sluice__split_problem *p, int rank) {
    return p->options.devices ? p->options.devices->ranks[rank].profile : NULL;
}

/* Ranks with the same file have the same profile. */
static sluice_status find_profile(const sluice_profile **out, sluice__split_problem *p, int rank) {
    const char *path = path_of(p, rank);
    *out             = p->options.profile;
    if (!path) return SLUICE_OK;
    for (int r = 0; r < rank; r++)
        if (p->read[r] && strcmp(path_of(p, r), path) == 0) {
            *out = p->read[r];
            return SLUICE_OK;
        }
    SLUICE__TRY(sluice_profile_read(&p->read[rank], path));
    *out = p->read[rank];
    return SLUICE_OK;
}

/* Layers are the same for all ranks: only times differ. */
static sluice_status check_layers(const sluice__split_problem *p, int rank,
                                  const sluice_profile_table *table) {
    const sluice_profile_layer *known = p->estimate ? p->estimate : p->rows[0];
    const char *whose                 = p->estimate ? "the model" : "rank 0's profile";
    if (!known) return SLUICE_OK; /* the first ones */
    if (table->layer_count != p->layers)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "the profile of rank %d has %d layers, and %s has %d", rank,
                            table->layer_count, whose, p->layers);
    for (int l = 0; l < p->layers; l++)
        if (strcmp(table->layers[l].name, known[l].name) != 0)
            return sluice__fail(SLUICE_E_ARGUMENT,
                                "layer %d is '%s' in the profile of rank %d, and '%s' in %s", l,
                                table->layers[l].name, rank, known[l].name, whose);
    return SLUICE_OK;
}

static sluice_status time_rows(sluice__split_problem *p, int rank,
                               const sluice_profile_table *table) {
    SLUICE__TRY(sluice__alloc(&p->timed[rank], (size_t)p->layers, sizeof *p->timed[rank]));
    for (int l = 0; l < p->layers; l++) {
        sluice_profile_layer *row = &p->timed[rank][l];
        *row                      = p->estimate[l];
        row->forward_s            = table->layers[l].forward_s;
        row->input_s              = table->layers[l].input_s;
        row->weight_s             = table->layers[l].weight_s;
        row->recompute_s          = table->layers[l].recompute_s;
    }
    p->rows[rank] = p->timed[rank];
    return SLUICE_OK;
}

/* Ranks with equal profiles share rows. */
static bool has_rows(sluice__split_problem *p, int rank, const sluice_profile *profile) {
    p->profiles[rank] = profile;
    for (int r = 0; r < rank; r++)
        if (p->profiles[r] == profile) {
            p->rows[rank] = p->rows[r];
            return true;
        }
    return false;
}

static sluice_status add_rank(sluice__split_problem *p, int rank) {
    const sluice_profile *profile;
    const sluice_profile_table *table;
    SLUICE__TRY(find_profile(&profile, p, rank));
    if (has_rows(p, rank, profile)) return SLUICE_OK;
    if (!profile) {
        p->is_estimate = true;
        p->rows[rank]  = p->estimate;
        return SLUICE_OK;
    }
    SLUICE__TRY(sluice_profile_find(&table, profile, p->options.microbatch));
    SLUICE__TRY(check_layers(p, rank, table));
    if (!p->profile) {
        p->profile = profile;
        p->table   = table;
    }
    if (p->estimate) return time_rows(p, rank, table);
    p->layers     = table->layer_count;
    p->rows[rank] = table->layers;
    return SLUICE_OK;
}

/* The size of micro-batches that is not given is that of the only table. */
static void choose_microbatch(sluice__split_problem *p) {
    const sluice_profile *profile = p->options.profile;
    p->microbatch                 = p->options.microbatch;
    if (p->microbatch > 0) return;
    p->microbatch = profile && profile->table_count == 1 ? profile->tables[0].microbatch : 1;
}

sluice_status sluice__split_rates(sluice_device_rates *out, const sluice__split_problem *p) {
    const char *device = p->options.device ? p->options.device : "cpu";
    double speedup;
    SLUICE__TRY(sluice_device_rates_of(out, device, p->options.precision));
    SLUICE__TRY(sluice_device_speedup(&speedup, device, p->options.threads));
    out->flops_per_s *= speedup;
    out->bytes_per_s *= speedup;
    return SLUICE_OK;
}

static sluice_status gather_rows(sluice__split_problem *p) {
    const size_t ranks = (size_t)p->ranks;
    SLUICE__TRY(sluice__alloc(&p->read, ranks, sizeof *p->read));
    SLUICE__TRY(sluice__alloc(&p->timed, ranks, sizeof *p->timed));
    SLUICE__TRY(sluice__alloc(&p->rows, ranks, sizeof *p->rows));
    choose_microbatch(p);
    if (p->options.model) {
        sluice_device_rates rates;
        SLUICE__TRY(sluice__split_rates(&rates, p));
        SLUICE__TRY(sluice_model_estimate(&p->estimate, p->options.model, p->microbatch,
                                          p->options.precision, &rates));
        p->layers              = sluice_model_layer_count(p->options.model);
        p->partition.latency   = rates.latency_s;
        p->partition.bandwidth = rates.link_bytes_per_s;
    }
    SLUICE__TRY(sluice__alloc(&p->profiles, ranks, sizeof *p->profiles));
    for (int r = 0; r < p->ranks; r++) SLUICE__TRY(add_rank(p, r));
    return SLUICE_OK;
}

/* ---- links, limits ---- */

static void add_links(sluice__split_problem *p, const sluice_link_cost *links, int count) {
    for (int k = 0; k < count; k++)
        if (links[k].from < p->ranks && links[k].to < p->ranks)
            p->links[p->partition.link_count++] = links[k];
}

/* Those of the list of devices; what it does not say, the profile does, or an estimate. */
static sluice_status gather_links(sluice__split_problem *p) {
    const sluice_device_list *devices = p->options.devices;
    const bool replaces               = devices && devices->has_default_link;
    const int listed                  = devices ? devices->link_count : 0,
              known                   = p->profile ? p->profile->link_count : 0;
    SLUICE__TRY(sluice__alloc(&p->links, (size_t)(listed + known) + 1, sizeof *p->links));
    if (p->profile) {
        p->partition.latency   = p->profile->latency_s;
        p->partition.bandwidth = p->profile->bytes_per_s;
    }
    if (replaces) {
        p->partition.latency   = devices->latency_s;
        p->partition.bandwidth = devices->bytes_per_s;
    }
    if (p->profile && !replaces) add_links(p, p->profile->links, known);
    if (devices) add_links(p, devices->links, listed);
    p->partition.links = p->links;
    return SLUICE_OK;
}

/* No plan allocates less than the estimate says is held, by more than this
 * (test_memory_estimate.c). */
size_t sluice__split_allowed(size_t limit) {
    return limit > 0 ? limit + limit / 20 + 65536 : 0;
}

static sluice_status gather_limits(sluice__split_problem *p) {
    const sluice_device_list *devices = p->options.devices;
    SLUICE__TRY(sluice__alloc(&p->limits, (size_t)p->ranks, sizeof *p->limits));
    SLUICE__TRY(sluice__alloc(&p->allowed, (size_t)p->ranks, sizeof *p->allowed));
    for (int r = 0; r < p->ranks; r++) {
        const size_t own = devices ? devices->ranks[r].memory_bytes : 0;
        p->limits[r]     = own > 0 ? own : p->options.memory_limit;
        p->allowed[r]    = sluice__split_allowed(p->limits[r]);
    }
    p->partition.memory_limits = p->allowed;
    return SLUICE_OK;
}

/* ---- the schedule ---- */

static sluice_status gather_held(sluice__split_problem *p) {
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    sluice_program *program        = NULL;
    const int stages               = sluice_schedule_stages(p->schedule);
    SLUICE__TRY(sluice__alloc(&p->stage_ranks, (size_t)stages, sizeof *p->stage_ranks));
    for (int s = 0; s < stages; s++) p->stage_ranks[s] = sluice_schedule_stage_rank(p->schedule, s);
    options.samples   = sluice_schedule_microbatches(p->schedule);
    options.recompute = p->options.recompute;
    SLUICE__TRY(sluice_program_compile(&program, p->schedule, NULL, NULL, &options));
    const sluice_status status = sluice_held_make(&p->held, &p->partition.held_count, program);
    sluice_program_free(program);
    p->partition.held        = p->held;
    p->partition.stage_ranks = p->stage_ranks;
    return status;
}

/* ---- all ---- */

static sluice_status take_options(sluice__split_problem *p, const sluice_split_options *options) {
    p->options = (sluice_split_options)SLUICE_SPLIT_OPTIONS_INIT;
    if (options->size == 0 || options->size > sizeof p->options)
        return sluice__hint(sluice__fail(SLUICE_E_ARGUMENT,
                                         "split options of %zu bytes are not known", options->size),
                            "start from SLUICE_SPLIT_OPTIONS_INIT");
    memcpy(&p->options, options, options->size);
    if (!options->model && !options->profile)
        return sluice__fail(SLUICE_E_ARGUMENT, "there is neither a model nor a profile to split");
    if (options->devices && options->devices->rank_count != p->ranks)
        return sluice__hint(sluice__fail(SLUICE_E_ARGUMENT,
                                         "the list of devices has %d, and the schedule %d ranks",
                                         options->devices->rank_count, p->ranks),
                            "list one device for each rank");
    return SLUICE_OK;
}

sluice_status sluice__split_problem_make(sluice__split_problem *out,
                                         const sluice_schedule *schedule,
                                         const sluice_split_options *options) {
    sluice_partition *partition = &out->partition;
    *partition                  = (sluice_partition)SLUICE_PARTITION_INIT;
    out->schedule               = schedule;
    out->ranks                  = sluice_schedule_ranks(schedule);
    SLUICE__TRY(take_options(out, options));
    SLUICE__TRY(gather_rows(out));
    SLUICE__TRY(gather_links(out));
    SLUICE__TRY(gather_limits(out));
    SLUICE__TRY(gather_held(out));
    partition->layer_count   = out->layers;
    partition->stages        = sluice_schedule_stages(schedule);
    partition->ranks         = out->ranks;
    partition->layers        = out->rows;
    partition->recompute     = out->options.recompute;
    partition->pins          = out->options.pins;
    partition->pin_count     = out->options.pin_count;
    partition->objective     = out->options.objective;
    partition->states        = out->options.states;
    partition->working_share = out->options.precision == SLUICE_PRECISION_BF16 ? 0.5 : 0;
    return SLUICE_OK;
}

void sluice__split_problem_free(sluice__split_problem *p) {
    for (int r = 0; r < p->ranks; r++) {
        if (p->read) sluice_profile_free(p->read[r]);
        if (p->timed) sluice__free(p->timed[r]);
    }
    sluice_model_rows_free(p->estimate, p->layers);
    sluice__free(p->read);
    sluice__free(p->timed);
    sluice__free((void *)p->rows);
    sluice__free((void *)p->profiles);
    sluice_held_free(p->held);
    sluice__free(p->stage_ranks);
    sluice__free(p->links);
    sluice__free(p->limits);
    sluice__free(p->allowed);
}
