/* SPDX-License-Identifier: MIT */
/*
 * plan_bound.c -- a bound on the step of a schedule without simulating it: each rank alone.
 *
 * A rank runs its list without a break at best. What its action k needs cannot be there before the
 * micro-batch has come through the stages before it, and after it the micro-batch still goes
 * through the others. So for all j <= k of a rank:
 *   makespan >= chain into j + actions j .. k + chain out of k.
 */
#include <math.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/planner/plan_space.h"

typedef struct chains {
    const sluice_schedule *schedule;
    const sluice__plan_costs *costs;
    const bool *recompute;
    int stages;
    double factor; /* on chains, whose actions may be in overlap groups */
    bool is_whole; /* backwards are not in halves */
    double *down;  /* before F of a stage, from the first stage on */
    double *up;    /* before the backward of a stage, from F of the last stage's end on */
} chains;

/* ---- one micro-batch through the stages ---- */

static double backward_of(const chains *c, int s) {
    const sluice_cost *cost = &c->costs->stages[s];
    return cost->input + (c->is_whole ? cost->weight : 0);
}

static double link_after(const chains *c, int s, bool backwards) {
    const int a = sluice_schedule_stage_rank(c->schedule, s),
              b = sluice_schedule_stage_rank(c->schedule, s + 1);
    return sluice__plan_transfer(c->costs, backwards ? b : a, backwards ? a : b,
                                 c->costs->outputs[s]);
}

static void fill_chains(chains *c) {
    for (int s = 0; s + 1 < c->stages; s++)
        c->down[s + 1] =
            c->down[s] + c->factor * c->costs->stages[s].forward + link_after(c, s, false);
    for (int s = c->stages - 2; s >= 0; s--)
        c->up[s] = c->up[s + 1] + c->factor * backward_of(c, s + 1) + link_after(c, s, true);
}

/* From the begin of F of the first stage to the end of F of the last one. */
static double all_forwards(const chains *c) {
    const int last = c->stages - 1;
    return c->down[last] + c->factor * c->costs->stages[last].forward;
}

static double into(const chains *c, const sluice_action *action) {
    if (action->kind == SLUICE_ACTION_F) return c->down[action->stage];
    const double begin = all_forwards(c) + c->up[action->stage];
    return action->kind == SLUICE_ACTION_W
               ? begin + c->factor * c->costs->stages[action->stage].input
               : begin;
}

static double out_of(const chains *c, const sluice_action *action) {
    const int s           = action->stage;
    const double to_first = c->up[0] + c->factor * backward_of(c, 0); /* from the last F's end on */
    if (action->kind == SLUICE_ACTION_W) return 0;
    if (action->kind != SLUICE_ACTION_F)
        return fmax(0, to_first - c->up[s] - c->factor * backward_of(c, s));
    return all_forwards(c) - c->down[s] - c->factor * c->costs->stages[s].forward + to_first;
}

/* ---- one rank ---- */

static bool is_compute(const sluice_action *action) {
    return action->kind == SLUICE_ACTION_F || action->kind == SLUICE_ACTION_B ||
           action->kind == SLUICE_ACTION_I || action->kind == SLUICE_ACTION_W;
}

static double seconds_of(const chains *c, const sluice_action *action) {
    const sluice_cost *cost = &c->costs->stages[action->stage];
    const double overlap    = c->costs->costs.overlap;
    double seconds          = action->kind == SLUICE_ACTION_F   ? cost->forward
                              : action->kind == SLUICE_ACTION_I ? cost->input
                              : action->kind == SLUICE_ACTION_W ? cost->weight
                                                                : cost->input + cost->weight;
    return action->group > 0 && overlap > 0 ? seconds * overlap : seconds;
}

/* What comes before a backward, unless F has just run. It waits for nothing from other ranks. */
static double recomputation_before(const chains *c, const sluice_action *action,
                                   const sluice_action *before) {
    const bool follows = before && before->kind == SLUICE_ACTION_F &&
                         before->stage == action->stage && before->microbatch == action->microbatch;
    const bool again = c->recompute && c->recompute[action->stage] && !follows &&
                       (action->kind == SLUICE_ACTION_B || action->kind == SLUICE_ACTION_I);
    return again ? c->costs->recompute[action->stage] : 0;
}

static double bound_of_rank(const chains *c, int rank) {
    int count;
    const sluice_action *list = sluice_schedule_list(&count, c->schedule, rank), *before = NULL;
    double done = 0, begin = 0, bound = 0;
    for (int k = 0; k < count; k++) {
        if (!is_compute(&list[k])) continue;
        done += recomputation_before(c, &list[k], before);
        begin = fmax(begin, into(c, &list[k]) - done);
        done += seconds_of(c, &list[k]);
        bound  = fmax(bound, begin + done + out_of(c, &list[k]));
        before = &list[k];
    }
    return bound;
}

/* ---- all ranks ---- */

static void look_at_actions(chains *c) {
    const double overlap = c->costs->costs.overlap;
    c->is_whole          = true;
    c->factor            = 1;
    for (int r = 0; r < sluice_schedule_ranks(c->schedule); r++) {
        int count;
        const sluice_action *list = sluice_schedule_list(&count, c->schedule, r);
        for (int k = 0; k < count; k++) {
            if (list[k].kind == SLUICE_ACTION_I) c->is_whole = false;
            if (list[k].group > 0 && overlap > 0) c->factor = overlap;
        }
    }
}

sluice_status sluice__plan_bound(double *out, const sluice_schedule *schedule,
                                 const sluice__plan_costs *costs, const bool *recompute) {
    chains c             = {.schedule  = schedule,
                            .costs     = costs,
                            .recompute = recompute,
                            .stages    = sluice_schedule_stages(schedule)};
    sluice_status status = SLUICE_OK;
    double makespan = 0, update = 0;
    SLUICE__TRY_OUT(sluice__alloc(&c.down, (size_t)c.stages, sizeof *c.down));
    SLUICE__TRY_OUT(sluice__alloc(&c.up, (size_t)c.stages, sizeof *c.up));
    look_at_actions(&c);
    fill_chains(&c);
    for (int r = 0; r < sluice_schedule_ranks(schedule); r++) {
        makespan = fmax(makespan, bound_of_rank(&c, r));
        update   = fmax(update, costs->updates[r]);
    }
    *out = makespan + update;
out:
    sluice__free(c.down);
    sluice__free(c.up);
    return status;
}
