/* SPDX-License-Identifier: MIT */
/*
 * plan_all_splits.c -- every split of a configuration that could be faster than what is known.
 *
 * Stages are filled one after the other. A rank whose stages so far take too long by themselves
 * ends the attempt; a whole split is simulated if its bound is low enough.
 */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/planner/plan_space.h"

typedef struct attempt {
    sluice__plan_space *space;
    sluice__plan_configuration at;
    double *loads;  /* [ranks]: seconds of all micro-batches in the stages that are filled */
    double *before; /* [stages]: those of the stage's rank without the stage */
    double factor;  /* on what a layer takes, in all micro-batches */
    sluice_plan_choice *best;
    size_t *bytes;
    int64_t *left; /* splits that may still be looked at */
} attempt;

static bool is_over(const attempt *a) {
    return *a->left <= 0 || a->space->simulations >= a->space->options.effort;
}

static sluice_status look_at_split(attempt *a) {
    bool shorter;
    --*a->left;
    return sluice__plan_try_shorter(&shorter, a->best, a->bytes, a->space, &a->at);
}

static double seconds_of(const attempt *a, int rank, int layer) {
    const sluice_profile_layer *row = &a->at.problem.rows[rank][layer];
    return a->factor * (row->forward_s + row->input_s + row->weight_s);
}

/* Stage s begins where the one before it ends, and has nothing yet. */
static void begin_stage(attempt *a, int s) {
    a->at.split->first[s + 1] = a->at.split->first[s];
    a->before[s]              = a->loads[a->at.problem.stage_ranks[s]];
}

/* One layer more for stage s. False: there is none, or its rank would take too long; then the stage
 * is empty again. */
static bool extend_stage(attempt *a, int s) {
    sluice_split *const split = a->at.split;
    const int rank = a->at.problem.stage_ranks[s], layer = split->first[s + 1];
    const int max = a->space->layers - (split->stages - 1 - s); /* a layer for each one to come */
    if (layer < max) {
        a->loads[rank] += seconds_of(a, rank, layer);
        split->first[s + 1]++;
        if (a->loads[rank] < a->best->step) return true;
    }
    a->loads[rank] = a->before[s];
    return false;
}

static sluice_status look_at_splits(attempt *a) {
    const int stages = a->at.split->stages;
    begin_stage(a, 0);
    for (int s = 0; s >= 0 && !is_over(a);) {
        if (!extend_stage(a, s))
            s--;
        else if (s + 1 < stages)
            begin_stage(a, ++s);
        else if (a->at.split->first[stages] == a->space->layers)
            SLUICE__TRY(look_at_split(a));
    }
    return SLUICE_OK;
}

sluice_status sluice__plan_try_all_splits(sluice_plan_choice *best, size_t *bytes, int64_t *left,
                                          sluice__plan_space *space,
                                          const sluice__plan_configuration *configuration) {
    attempt a = {.space = space,
                 .at    = sluice__plan_again(configuration),
                 .best  = best,
                 .bytes = bytes,
                 .left  = left};
    bool is_there;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__plan_prepare(&is_there, space, &a.at));
    if (!is_there) goto out;
    const sluice_profile *const profile = a.at.problem.profile;
    a.factor = a.at.microbatches * (profile && profile->overlap > 0 ? profile->overlap : 1);
    SLUICE__TRY_OUT(sluice__alloc(&a.loads, (size_t)a.at.ranks, sizeof *a.loads));
    a.at.split->stages   = sluice__plan_stages(&a.at);
    a.at.split->first[0] = 0;
    SLUICE__TRY_OUT(sluice__alloc(&a.before, (size_t)a.at.split->stages, sizeof *a.before));
    status = look_at_splits(&a);
out:
    sluice__free(a.loads);
    sluice__free(a.before);
    sluice__plan_close(&a.at);
    return status;
}
