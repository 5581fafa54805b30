/* SPDX-License-Identifier: MIT */
/* plan_split.c -- the split of a configuration, and the bound on its step that follows. */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/planner/plan_space.h"

enum { MAX_NODES = 3000 }; /* of one partition: a search solves many */

/* ---- what is split ---- */

static sluice_status choose_recomputed(sluice__plan_configuration *c) {
    const int stages = sluice__plan_stages(c);
    SLUICE__TRY(sluice__alloc(&c->recomputes, (size_t)stages, sizeof *c->recomputes));
    for (int s = 0; s < stages; s++)
        c->recomputes[s] = stages <= SLUICE__PLAN_FEW_STAGES ? (c->recompute >> s) & 1
                                                             : (uint64_t)s < c->recompute;
    return SLUICE_OK;
}

static sluice_status make_problem(const sluice__plan_space *space, sluice__plan_configuration *c) {
    const sluice_plan_search_options *o = &space->options;
    sluice_split_options options        = SLUICE_SPLIT_OPTIONS_INIT;
    if (o->devices) {
        c->devices            = *o->devices;
        c->devices.rank_count = c->ranks;
        options.devices       = &c->devices;
    }
    options.model         = o->model;
    options.profile       = o->profile;
    options.microbatch    = o->batch / c->microbatches;
    options.device        = o->device;
    options.precision     = o->precision;
    options.working_bytes = o->working_bytes;
    options.states        = o->states;
    options.recompute     = c->recomputes;
    options.memory_limit  = o->memory_limit;
    SLUICE__TRY(sluice__split_problem_make(&c->problem, c->made, &options));
    c->problem.partition.max_nodes = MAX_NODES;
    return SLUICE_OK;
}

sluice_status sluice__plan_prepare(bool *is_there, const sluice__plan_space *space,
                                   sluice__plan_configuration *c) {
    sluice_schedule_options shape = SLUICE_SCHEDULE_OPTIONS_INIT;
    shape.ranks                   = c->ranks;
    shape.chunks                  = c->chunks;
    shape.microbatches            = c->microbatches;
    shape.slack                   = c->slack;
    const sluice_status status    = sluice_schedule_generate(&c->made, c->schedule, &shape);
    *is_there                     = status == SLUICE_OK;
    if (status == SLUICE_E_ARGUMENT) return SLUICE_OK;
    SLUICE__TRY(status);
    SLUICE__TRY(choose_recomputed(c));
    SLUICE__TRY(sluice__alloc(&c->split, 1, sizeof *c->split));
    return make_problem(space, c);
}

/* ---- the split ---- */

static sluice_status set_bound(const sluice__plan_space *space, sluice__plan_configuration *c) {
    sluice__plan_costs costs = {0};
    double bound             = 0;
    sluice_status status     = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__plan_costs_make(&costs, c, space->options.states));
    SLUICE__TRY_OUT(sluice__plan_bound(&bound, c->made, &costs, c->recomputes));
    if (bound > c->bound) c->bound = bound;
out:
    sluice__plan_costs_free(&costs);
    return status;
}

/* Limits that change nothing leave recomputation nothing to win. */
static sluice_status look_at_limits(bool *binding, const sluice__plan_configuration *c,
                                    double value) {
    sluice_partition_result *free_of_limits;
    sluice_partition partition = c->problem.partition;
    partition.memory_limits    = NULL;
    SLUICE__TRY(sluice__alloc(&free_of_limits, 1, sizeof *free_of_limits));
    const sluice_status status = sluice_partition_solve(free_of_limits, &partition);
    *binding                   = status == SLUICE_OK && value > free_of_limits->value * (1 + 1e-9);
    sluice__free(free_of_limits);
    return status;
}

/* What recomputes more may be better where memory decides. */
static sluice_status after_split(sluice__plan_space *space, sluice__plan_configuration *c,
                                 double value) {
    bool binding = space->options.exhaustive;
    if (space->has_limits && !binding) SLUICE__TRY(look_at_limits(&binding, c, value));
    if (binding) SLUICE__TRY(sluice__plan_add_children(space, c));
    c->state = SLUICE__PLAN_SPLIT;
    return set_bound(space, c);
}

static sluice_status solve(sluice__plan_space *space, sluice__plan_configuration *c) {
    sluice_partition_result *found;
    SLUICE__TRY(sluice__alloc(&found, 1, sizeof *found));
    sluice_status status = sluice_partition_solve(found, &c->problem.partition);
    if (status == SLUICE_OK) {
        *c->split = found->split;
        status    = after_split(space, c, found->value);
    } else if (status == SLUICE_E_DEVICE_MEMORY) {
        status = sluice__plan_add_children(space, c);
        sluice__plan_close(c);
    }
    sluice__free(found);
    return status;
}

sluice_status sluice__plan_split(sluice__plan_space *space, sluice__plan_configuration *c) {
    bool is_there;
    SLUICE__TRY(sluice__plan_prepare(&is_there, space, c));
    if (is_there) return solve(space, c);
    sluice__plan_close(c);
    return SLUICE_OK;
}

sluice_status sluice__plan_split_again(sluice__plan_space *space, sluice__plan_configuration *c,
                                       const size_t *bytes) {
    SLUICE__TRY(sluice__plan_add_children(space, c));
    if (++c->refused > SLUICE__PLAN_MAX_REFUSED) {
        sluice__plan_close(c);
        return SLUICE_OK;
    }
    SLUICE__TRY(sluice__split_forbid(&c->problem, c->split, bytes));
    return solve(space, c);
}
