/* SPDX-License-Identifier: MIT */
/*
 * plan_moves.c -- a plan with its cuts moved: the split that balances ranks is not always the one
 * with the shortest step, as warm-up and drain are not spread evenly over the ranks.
 *
 * A move shifts a run of neighbouring cuts by one layer, so that a stage passes a layer on to
 * another one through those between. What shortens the step is kept, and the next move starts from
 * there, until none shortens it. Bounds rule most moves out before they are simulated.
 */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/planner/plan_space.h"

enum {
    MOVES      = 24, /* simulations for one plan, at most */
    FEW_STAGES = 16  /* with more of them only single cuts are moved */
};
static const double min_gain = 1e-9; /* of the step: rounding is no gain */

typedef struct climb {
    sluice__plan_space *space;
    sluice__plan_configuration at; /* the plan, and its split */
    sluice_plan_choice *best;
    size_t *bytes;
    int left; /* simulations */
} climb;

/* ---- a move ---- */

static bool shift(sluice_split *split, int from, int to, int by) {
    for (int s = from; s <= to; s++) split->first[s] += by;
    return split->first[from] > split->first[from - 1] && split->first[to] < split->first[to + 1];
}

static sluice_status is_promising(bool *out, climb *c) {
    const double below = c->best->step * (1 - min_gain);
    *out               = true;
    if (c->space->has_limits)
        SLUICE__TRY(sluice__plan_is_allowed(out, &c->at.problem, c->at.split));
    if (!*out) return SLUICE_OK;
    SLUICE__TRY(sluice__plan_bound_of(&c->at.bound, c->space, &c->at));
    *out = c->at.bound < below;
    return SLUICE_OK;
}

static sluice_status simulate(bool *better, climb *c) {
    sluice_plan_choice choice = {0};
    bool fits                 = false;
    c->left--;
    SLUICE__TRY(sluice__plan_try(&choice, &fits, c->bytes, c->space, &c->at));
    *better = fits && choice.step < c->best->step * (1 - min_gain);
    if (*better) {
        sluice__plan_choice_free(c->best);
        *c->best = choice;
    } else if (fits) {
        sluice__plan_choice_free(&choice);
    }
    return SLUICE_OK;
}

static sluice_status try_move(bool *better, climb *c, int from, int to, int by) {
    const sluice_split before = *c->at.split;
    *better                   = false;
    if (c->left > 0 && shift(c->at.split, from, to, by)) {
        SLUICE__TRY(is_promising(better, c));
        if (*better) SLUICE__TRY(simulate(better, c));
    }
    if (!*better) *c->at.split = before;
    return SLUICE_OK;
}

/* ---- all moves ---- */

static sluice_status try_moves(bool *any, climb *c) {
    const int stages = c->at.split->stages;
    for (int from = 1; from < stages; from++)
        for (int to = from; to < stages && (to == from || stages <= FEW_STAGES); to++)
            for (int by = -1; by <= 1; by += 2) {
                bool better;
                SLUICE__TRY(try_move(&better, c, from, to, by));
                *any = *any || better;
            }
    return SLUICE_OK;
}

sluice_status sluice__plan_move_cuts(sluice_plan_choice *choice, size_t *bytes,
                                     sluice__plan_space *space) {
    const int left = space->options.effort - space->simulations;
    climb c        = {.space = space,
                      .best  = choice,
                      .bytes = bytes,
                      .left  = left < MOVES ? left : MOVES,
                      .at    = sluice__plan_of(choice)};
    bool again, is_there;
    sluice_status status = SLUICE_OK;
    if (choice->stages < 2 || c.left < 1) return SLUICE_OK;
    SLUICE__TRY_OUT(sluice__plan_prepare(&is_there, space, &c.at));
    sluice__plan_take_split(c.at.split, choice);
    do {
        again  = false;
        status = try_moves(&again, &c);
    } while (status == SLUICE_OK && again);
out:
    sluice__plan_close(&c.at);
    return status;
}
