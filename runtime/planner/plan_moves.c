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

typedef struct climb {
    sluice__plan_space *space;
    sluice__plan_configuration at; /* the plan, and its split */
    sluice_plan_choice *best;
    size_t *bytes;
    int end; /* so many simulations of the space, at most */
} climb;

/* ---- a move ---- */

static bool shift(sluice_split *split, int from, int to, int by) {
    for (int s = from; s <= to; s++) split->first[s] += by;
    return split->first[from] > split->first[from - 1] && split->first[to] < split->first[to + 1];
}

static sluice_status try_move(bool *better, climb *c, int from, int to, int by) {
    const sluice_split before = *c->at.split;
    *better                   = false;
    if (c->space->simulations < c->end && shift(c->at.split, from, to, by))
        SLUICE__TRY(sluice__plan_try_shorter(better, c->best, c->bytes, c->space, &c->at));
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
                      .end   = space->simulations + (left < MOVES ? left : MOVES),
                      .at    = sluice__plan_of(choice)};
    bool again, is_there;
    sluice_status status = SLUICE_OK;
    if (choice->stages < 2 || left < 1) return SLUICE_OK;
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
