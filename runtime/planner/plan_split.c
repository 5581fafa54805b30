/* SPDX-License-Identifier: MIT */
/* plan_split.c -- the split of a configuration, and the bound on its step that follows. */
#include <math.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/planner/plan_space.h"

enum { MAX_NODES = 1500 }; /* of one partition: a search solves many */

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
    options.threads       = o->threads;
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

sluice_status sluice__plan_bound_of(double *out, const sluice__plan_space *space,
                                    const sluice__plan_configuration *c) {
    sluice__plan_costs costs = {0};
    sluice_status status     = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__plan_costs_make(&costs, c, space->options.states));
    status = sluice__plan_bound(out, c->made, &costs, c->recomputes);
out:
    sluice__plan_costs_free(&costs);
    return status;
}

sluice_status sluice__plan_is_allowed(bool *out, const sluice__split_problem *p,
                                      const sluice_split *split) {
    sluice_partition_load *loads;
    SLUICE__TRY(sluice__alloc(&loads, (size_t)p->ranks, sizeof *loads));
    const sluice_status status = sluice_partition_loads(loads, &p->partition, split);
    *out                       = true;
    for (int r = 0; r < p->ranks; r++)
        *out = *out && (p->allowed[r] == 0 || loads[r].bytes <= (double)p->allowed[r]);
    sluice__free(loads);
    return status;
}

/* The best split without limits, if it is within them: to find it takes much less. `*binding`: it
 * is not, and what recomputes more may then be better. */
static sluice_status partition(sluice_partition_result *found, bool *binding,
                               const sluice__plan_space *space,
                               const sluice__plan_configuration *c) {
    sluice_partition free_of_limits = c->problem.partition;
    bool allowed                    = true;
    free_of_limits.memory_limits    = NULL;
    SLUICE__TRY(sluice_partition_solve(found, &free_of_limits));
    if (space->has_limits)
        SLUICE__TRY(sluice__plan_is_allowed(&allowed, &c->problem, &found->split));
    *binding = !allowed;
    return allowed ? SLUICE_OK : sluice_partition_solve(found, &c->problem.partition);
}

static sluice_status after_split(sluice__plan_space *space, sluice__plan_configuration *c,
                                 bool binding) {
    if (binding || space->options.exhaustive) SLUICE__TRY(sluice__plan_add_children(space, c));
    double bound;
    SLUICE__TRY(sluice__plan_bound_of(&bound, space, c));
    c->bound = fmax(bound, c->first_bound); /* a split that was refused may have had another one */
    c->state = SLUICE__PLAN_SPLIT;
    return SLUICE_OK;
}

/* What does not fit with all of its stages recomputed does not fit with fewer. */
static sluice_status look_at_all(bool *fits, const sluice__plan_space *space,
                                 const sluice__plan_configuration *c) {
    sluice__plan_configuration full = sluice__plan_full(c);
    sluice_partition_result *found;
    bool is_there = false, binding;
    SLUICE__TRY(sluice__alloc(&found, 1, sizeof *found));
    sluice_status status = sluice__plan_prepare(&is_there, space, &full);
    if (status == SLUICE_OK) status = partition(found, &binding, space, &full);
    *fits = status == SLUICE_OK;
    sluice__plan_close(&full);
    sluice__free(found);
    return status == SLUICE_E_DEVICE_MEMORY ? SLUICE_OK : status;
}

static sluice_status after_refusal(sluice__plan_space *space, sluice__plan_configuration *c) {
    bool fits = true;
    if (c->recompute == 0 && !space->options.exhaustive) SLUICE__TRY(look_at_all(&fits, space, c));
    sluice__plan_close(c);
    return fits ? sluice__plan_add_children(space, c) : SLUICE_OK;
}

static sluice_status solve(sluice__plan_space *space, sluice__plan_configuration *c) {
    sluice_partition_result *found;
    SLUICE__TRY(sluice__alloc(&found, 1, sizeof *found));
    bool binding         = false;
    sluice_status status = partition(found, &binding, space, c);
    space->is_limited    = space->is_limited || binding;
    if (status == SLUICE_OK) {
        *c->split = found->split;
        status    = after_split(space, c, binding);
    } else if (status == SLUICE_E_DEVICE_MEMORY) {
        status = after_refusal(space, c);
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
