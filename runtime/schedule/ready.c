/* SPDX-License-Identifier: MIT */
/*
 * ready.c -- orders made by list scheduling: at every tick, each rank that is free does the first
 * of what is ready, by a rule. F, I and W take a tick, B two.
 *
 * A stage works on its micro-batches in order, so what has begun and what is done are two numbers
 * per stage and direction.
 */
#include <stdint.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/schedule/generators.h"

enum { FORWARD, BACKWARD, DIRECTIONS };

typedef struct progress {
    int begun, done;
} progress;

typedef struct rank_state {
    progress *running; /* NULL: idle */
    int until;
    int last;            /* the direction of its last action */
    int cursor, pending; /* W's: the list before the cursor has had its own; how many are missing */
} rank_state;

typedef struct scheduling {
    const sluice__shape *of;
    const sluice__ready_rule *rule;
    progress *stage[DIRECTIONS];
    rank_state *rank;
} scheduling;

typedef struct candidate {
    int direction, stage;
    int key[3]; /* the smallest comes first */
} candidate;

static bool comes_before(const candidate *a, const candidate *b) {
    for (int k = 0; k < 3; k++)
        if (a->key[k] != b->key[k]) return a->key[k] < b->key[k];
    return false;
}

/*
 * A micro-batch takes v activations of a rank from when it enters until its backwards return them.
 * Counting those it will need keeps a later one from taking what an earlier one waits for.
 */
static bool fits_limit(const scheduling *at, int r, int chunk, int i) {
    const int v      = at->of->v;
    int64_t returned = 0;
    if (at->rule->limit == 0) return true;
    for (int c = 0; c < v; c++)
        returned += at->stage[BACKWARD][sluice__wave_stage(at->of->p, r, c)].begun;
    return (int64_t)v * i + chunk + 1 - returned <= at->rule->limit;
}

static bool is_ready(const scheduling *at, int direction, int stage) {
    const progress *const forward = at->stage[FORWARD], *const backward = at->stage[BACKWARD];
    if (direction == FORWARD) {
        const int i = forward[stage].begun;
        return i < at->of->m && (stage == 0 || forward[stage - 1].done > i);
    }
    const int i = backward[stage].begun, last = at->of->p * at->of->v - 1;
    return forward[stage].done > i && (stage == last || backward[stage + 1].done > i);
}

static candidate weigh(const scheduling *at, int r, int direction, int stage) {
    const sluice__ready_rule *const rule = at->rule;
    const int i                          = at->stage[direction][stage].begun;
    const bool deep                      = direction == BACKWARD && rule->deepest_backward;
    const bool again                     = rule->alternates && at->rank[r].last == direction;
    return (candidate){direction, stage, {again, deep ? -stage : i, -stage}};
}

static bool choose(candidate *out, const scheduling *at, int r) {
    bool found = false;
    for (int chunk = 0; chunk < at->of->v; chunk++) {
        const int stage = sluice__wave_stage(at->of->p, r, chunk);
        for (int d = 0; d < DIRECTIONS; d++) {
            if (!is_ready(at, d, stage)) continue;
            if (d == FORWARD && !fits_limit(at, r, chunk, at->stage[d][stage].begun)) continue;
            const candidate one = weigh(at, r, d, stage);
            if (found && !comes_before(&one, out)) continue;
            *out  = one;
            found = true;
        }
    }
    return found;
}

static void begin(scheduling *at, sluice__list *to, int r, int tick, const candidate *what) {
    const bool split                  = at->rule->split;
    rank_state *const rank            = &at->rank[r];
    progress *const on                = &at->stage[what->direction][what->stage];
    const sluice_action_kind backward = split ? SLUICE_ACTION_I : SLUICE_ACTION_B;
    sluice__write(to, what->direction == FORWARD ? SLUICE_ACTION_F : backward, what->stage,
                  on->begun++);
    rank->running = on;
    rank->until   = tick + (what->direction == BACKWARD && !split ? 2 : 1);
    rank->last    = what->direction;
    rank->pending += what->direction == BACKWARD && split;
}

/* For the oldest I without one. */
static void do_weight(rank_state *rank, sluice__list *to, int tick) {
    while (to->actions[rank->cursor].kind != SLUICE_ACTION_I) rank->cursor++;
    const sluice_action i = to->actions[rank->cursor++];
    sluice__write(to, SLUICE_ACTION_W, i.stage, i.microbatch);
    rank->pending--;
    rank->until = tick + 1;
}

static void finish(rank_state *rank, int tick) {
    if (!rank->running || rank->until > tick) return;
    rank->running->done++;
    rank->running = NULL;
}

/* What is ready depends on what was done before the tick, and on nothing that begins in it. */
static void do_tick(scheduling *at, sluice__list *to, int tick, int64_t *left) {
    for (int r = 0; r < at->of->p; r++) finish(&at->rank[r], tick);
    for (int r = 0; r < at->of->p; r++) {
        rank_state *const rank = &at->rank[r];
        candidate what         = {0};
        if (rank->until > tick) continue;
        if (choose(&what, at, r))
            begin(at, &to[r], r, tick, &what);
        else if (rank->pending > 0)
            do_weight(rank, &to[r], tick);
        else
            continue;
        (*left)--;
    }
}

sluice_status sluice__emit_ready(sluice__list *to, const sluice__shape *of,
                                 const sluice__ready_rule *rule) {
    const size_t stages  = (size_t)of->p * (size_t)of->v;
    int64_t left         = (rule->split ? 3 : 2) * (int64_t)stages * of->m;
    scheduling at        = {.of = of, .rule = rule};
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&at.rank, (size_t)of->p, sizeof *at.rank));
    for (int d = 0; d < DIRECTIONS; d++)
        SLUICE__TRY_OUT(sluice__alloc(&at.stage[d], stages, sizeof *at.stage[d]));
    for (int r = 0; r < of->p; r++) at.rank[r].last = FORWARD;
    for (int tick = 0; left > 0; tick++) do_tick(&at, to, tick, &left);
out:
    for (int d = 0; d < DIRECTIONS; d++) sluice__free(at.stage[d]);
    sluice__free(at.rank);
    return status;
}
