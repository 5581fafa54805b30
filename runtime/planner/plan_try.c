/* SPDX-License-Identifier: MIT */
/* plan_try.c -- one simulation of a search for a plan: compile what it would run, read the memory
 * off, and simulate. */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/planner/plan_space.h"
#include "sluice/plan.h"

static const double min_gain = 1e-9; /* of a step: rounding is no gain */

typedef struct trial {
    const sluice__plan_configuration *configuration;
    const sluice__split_problem *problem;
    sluice__plan_costs costs;
    sluice_plan *plan;       /* of a model; or */
    sluice_program *program; /* of a profile's layers */
    sluice_simulation *simulation;
} trial;

/* ---- compile ---- */

static sluice_status compile_model(trial *t) {
    sluice_plan_options options = sluice__split_plan_options(t->problem);
    options.costs               = &t->costs.costs;
    return sluice_plan_make(&t->plan, t->problem->options.model, t->configuration->made,
                            t->configuration->split, &options);
}

static sluice_status compile_rows(trial *t) {
    return sluice__split_compile(&t->program, t->problem, t->configuration->split, &t->costs.costs);
}

static void read_bytes(size_t *bytes, const trial *t) {
    for (int r = 0; r < t->problem->ranks; r++)
        bytes[r] =
            t->plan ? sluice_plan_arena(t->plan, r) : sluice_program_memory(t->program, r).arena;
}

/* ---- the choice ---- */

static void fill_ranks(sluice_plan_choice *out, const trial *t, const size_t *bytes) {
    for (int r = 0; r < out->ranks; r++)
        out->rank[r] = (sluice_plan_rank){.busy       = t->simulation->rank[r].busy,
                                          .inner_idle = t->simulation->rank[r].inner_idle,
                                          .update     = t->costs.updates[r],
                                          .bytes      = bytes[r],
                                          .limit      = t->problem->limits[r]};
}

static void fill_stages(sluice_plan_choice *out, const trial *t) {
    const sluice__plan_configuration *c = t->configuration;
    for (int s = 0; s < out->stages; s++)
        out->stage[s] = (sluice_plan_stage){.rank         = t->problem->stage_ranks[s],
                                            .first        = c->split->first[s],
                                            .last         = c->split->first[s + 1] - 1,
                                            .recompute    = c->recomputes[s],
                                            .cost         = t->costs.stages[s],
                                            .recompute_s  = t->costs.recompute[s],
                                            .output_bytes = t->costs.outputs[s]};
}

static sluice_status fill_links(sluice_plan_choice *out, const sluice_simulation_costs *costs) {
    const size_t count = (size_t)costs->link_count;
    out->latency       = costs->latency;
    out->bandwidth     = costs->bandwidth;
    out->overlap       = costs->overlap;
    SLUICE__TRY(sluice__alloc(&out->links, count, sizeof *out->links));
    if (count > 0) memcpy(out->links, costs->links, count * sizeof *out->links);
    out->link_count = costs->link_count;
    return SLUICE_OK;
}

static sluice_status fill(sluice_plan_choice *out, const trial *t, const size_t *bytes) {
    const sluice__plan_configuration *c = t->configuration;
    const sluice_simulation *simulation = t->simulation;
    *out                                = (sluice_plan_choice){.schedule      = c->schedule,
                                                               .ranks         = c->ranks,
                                                               .chunks        = c->chunks,
                                                               .stages        = sluice__plan_stages(c),
                                                               .microbatches  = c->microbatches,
                                                               .microbatch    = t->problem->microbatch,
                                                               .slack         = c->slack,
                                                               .step          = simulation->step,
                                                               .makespan      = simulation->makespan,
                                                               .makespan_idle = simulation->makespan_idle,
                                                               .transferring  = simulation->transferring,
                                                               .exposed       = simulation->exposed,
                                                               .bound         = c->bound};
    SLUICE__TRY(sluice__alloc(&out->rank, (size_t)out->ranks, sizeof *out->rank));
    SLUICE__TRY(sluice__alloc(&out->stage, (size_t)out->stages, sizeof *out->stage));
    fill_ranks(out, t, bytes);
    fill_stages(out, t);
    return fill_links(out, &t->costs.costs);
}

void sluice__plan_choice_free(sluice_plan_choice *choice) {
    sluice__free(choice->rank);
    sluice__free(choice->stage);
    sluice__free(choice->links);
    *choice = (sluice_plan_choice){0};
}

/* ---- from a choice back to what was simulated ---- */

static uint64_t recomputed(const sluice_plan_choice *choice) {
    uint64_t set = 0, count = 0;
    for (int s = 0; s < choice->stages; s++) {
        if (!choice->stage[s].recompute) continue;
        count++;
        if (choice->stages <= SLUICE__PLAN_FEW_STAGES) set |= (uint64_t)1 << s;
    }
    return choice->stages <= SLUICE__PLAN_FEW_STAGES ? set : count;
}

void sluice__plan_take_split(sluice_split *split, const sluice_plan_choice *choice) {
    split->stages = choice->stages;
    for (int s = 0; s < choice->stages; s++) split->first[s] = choice->stage[s].first;
    split->first[choice->stages] = choice->stage[choice->stages - 1].last + 1;
}

sluice__plan_configuration sluice__plan_of(const sluice_plan_choice *choice) {
    return (sluice__plan_configuration){.schedule     = choice->schedule,
                                        .ranks        = choice->ranks,
                                        .chunks       = choice->chunks,
                                        .microbatches = choice->microbatches,
                                        .slack        = choice->slack,
                                        .recompute    = recomputed(choice)};
}

/* ---- the simulation ---- */

sluice_status sluice__plan_try(sluice_plan_choice *choice, bool *fits, size_t *bytes,
                               sluice__plan_space *space,
                               const sluice__plan_configuration *configuration) {
    trial t              = {.configuration = configuration, .problem = &configuration->problem};
    sluice_status status = SLUICE_OK;
    space->simulations++;
    SLUICE__TRY_OUT(sluice__plan_costs_make(&t.costs, configuration, space->options.states));
    SLUICE__TRY_OUT(t.problem->options.model ? compile_model(&t) : compile_rows(&t));
    read_bytes(bytes, &t);
    *fits             = sluice__split_short_rank(t.problem, bytes) < 0;
    space->is_limited = space->is_limited || !*fits;
    if (!*fits) goto out;
    SLUICE__TRY_OUT(sluice_program_simulate(
        &t.simulation, t.plan ? sluice_plan_program(t.plan, SLUICE_PLAN_STEP) : t.program,
        &t.costs.costs));
    status = fill(choice, &t, bytes);
    if (status != SLUICE_OK) sluice__plan_choice_free(choice);
out:
    sluice_simulation_free(t.simulation);
    sluice_program_free(t.program);
    sluice_plan_free(t.plan);
    sluice__plan_costs_free(&t.costs);
    return status;
}

sluice_status sluice__plan_try_shorter(bool *shorter, sluice_plan_choice *best, size_t *bytes,
                                       sluice__plan_space *space,
                                       sluice__plan_configuration *configuration) {
    const double below        = best->step * (1 - min_gain);
    sluice_plan_choice choice = {0};
    bool fits                 = true;
    *shorter                  = false;
    if (space->has_limits)
        SLUICE__TRY(sluice__plan_is_allowed(&fits, &configuration->problem, configuration->split));
    if (!fits) return SLUICE_OK;
    SLUICE__TRY(sluice__plan_bound_of(&configuration->bound, space, configuration));
    if (configuration->bound >= below) return SLUICE_OK;
    SLUICE__TRY(sluice__plan_try(&choice, &fits, bytes, space, configuration));
    *shorter = fits && choice.step < below;
    if (*shorter) {
        sluice__plan_choice_free(best);
        *best = choice;
    } else {
        sluice__plan_choice_free(&choice);
    }
    return SLUICE_OK;
}
