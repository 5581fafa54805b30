/* SPDX-License-Identifier: MIT */
/*
 * v_half.c -- two stages per rank as a V, half of 1F1B's memory: list scheduling under a limit.
 * (Placement and building block: Qi et al. 2024, Pipeline Parallelism with Controllable Memory.
 * The packing is ours.)
 *
 * The building block says when each rank does F and I of a micro-batch if one enters every 6 ticks:
 * down the ranks at one tick a rank, back up at two, both forward and backward. In that order
 * everything can run with p + 2 stage-activations a rank, but ranks idle while the pipeline fills
 * and drains. So in each tick each rank does the first action of that order that can run now: an
 * action may run ahead of others that still wait for their input, as long as the rest, run in
 * order, stays within the limit. W is not in the order: it is done when nothing else can run, or
 * when its memory is needed. The packing never gets stuck: the action that is first in the order of
 * all ranks can always run.
 */
#include <stdint.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/schedule/generators.h"

enum { PERIOD = 6, STREAMS = 4, NOTHING = -1, DO_W = STREAMS };

/* The streams of a rank. If two are due at once, the one listed first goes first. */
enum stream { I_UP, I_DOWN, F_UP, F_DOWN };

typedef struct rank_state {
    int first[STREAMS]; /* when micro-batch 0 is due */
    int done[STREAMS];
    int pending; /* I done, W not */
    int cursor;  /* in the rank's list: every I before it has had its W */
} rank_state;

typedef struct packing {
    int p, m, limit;
    rank_state *rank;
} packing;

static bool is_forward(int q) {
    return q >= F_UP;
}

static int chunk_of(int q) {
    return q == F_UP || q == I_DOWN;
}

static void place_block(int first[STREAMS], int p, int r) {
    const int deep = p - 1;
    first[F_DOWN]  = r;
    first[F_UP]    = deep + 1 + 2 * (deep - r);
    first[I_DOWN]  = 3 * deep + 5 + r;
    first[I_UP]    = 4 * deep + 7 + 2 * (deep - r);
}

/* The tick at which the stream's next action is due. */
static int due(const rank_state *rank, int q) {
    return rank->first[q] + PERIOD * rank->done[q];
}

/* How many micro-batches have the input that this stream needs: those done by the stage before, or
 * at the turn of the V by another stream of this rank. */
static int input_count(const packing *at, int r, int q) {
    const rank_state *const own = &at->rank[r];
    switch (q) {
    case F_DOWN:
        return r == 0 ? at->m : at->rank[r - 1].done[F_DOWN];
    case F_UP:
        return r == at->p - 1 ? own->done[F_DOWN] : at->rank[r + 1].done[F_UP];
    case I_DOWN:
        return r == 0 ? own->done[F_UP] : at->rank[r - 1].done[I_DOWN];
    default:
        return r == at->p - 1 ? own->done[I_DOWN] : at->rank[r + 1].done[I_UP];
    }
}

static int held_by(const rank_state *rank) {
    return rank->done[F_DOWN] + rank->done[F_UP] - rank->done[I_DOWN] - rank->done[I_UP];
}

/*
 * A forward that runs ahead of the order adds one to everything held until it is due. The peak
 * comes before the next I is due: after that, there is at least one I between any two forwards of
 * the other stream. So the forwards that the other stream begins before then must fit, too.
 */
static bool fits_limit(const packing *at, const rank_state *rank, int q) {
    const int other = q == F_DOWN ? F_UP : F_DOWN;
    int until       = due(rank, q);
    for (int i = I_UP; i <= I_DOWN; i++)
        if (rank->done[i] < at->m && due(rank, i) < until) until = due(rank, i);
    const int left = at->m - rank->done[other];
    int before     = due(rank, other) < until ? (until - due(rank, other) - 1) / PERIOD + 1 : 0;
    if (before > left) before = left;
    return held_by(rank) + before + 1 <= at->limit;
}

static int choose(const packing *at, int r) {
    const rank_state *const rank = &at->rank[r];
    int best                     = NOTHING;
    for (int q = 0; q < STREAMS; q++) {
        if (rank->done[q] == at->m || rank->done[q] == input_count(at, r, q)) continue;
        if (is_forward(q) && !fits_limit(at, rank, q)) continue;
        if (best == NOTHING || due(rank, q) < due(rank, best)) best = q;
    }
    const bool full =
        best != NOTHING && is_forward(best) && held_by(rank) + rank->pending == at->limit;
    if ((best == NOTHING || full) && rank->pending > 0) return DO_W;
    return best;
}

static void carry_out(packing *at, sluice__list *to, int r, int what) {
    rank_state *const rank = &at->rank[r];
    if (what == DO_W) { /* for the oldest I without one */
        while (to->actions[rank->cursor].kind != SLUICE_ACTION_I) rank->cursor++;
        const sluice_action i = to->actions[rank->cursor++];
        sluice__write(to, SLUICE_ACTION_W, i.stage, i.microbatch);
        rank->pending--;
        return;
    }
    sluice__write(to, is_forward(what) ? SLUICE_ACTION_F : SLUICE_ACTION_I,
                  sluice__wave_stage(at->p, r, chunk_of(what)), rank->done[what]++);
    rank->pending += !is_forward(what);
}

sluice_status sluice__emit_v_half(sluice__list *to, const sluice__shape *of) {
    packing at           = {.p = of->p, .m = of->m, .limit = of->p < 2 ? 2 : of->p + 2};
    int *choices         = NULL;
    int64_t left         = 6 * (int64_t)of->p * of->m;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&at.rank, (size_t)of->p, sizeof *at.rank));
    SLUICE__TRY_OUT(sluice__alloc(&choices, (size_t)of->p, sizeof *choices));
    for (int r = 0; r < of->p; r++) place_block(at.rank[r].first, of->p, r);
    while (left > 0) { /* a tick: all choose by the state before it */
        const int64_t before = left;
        for (int r = 0; r < of->p; r++) choices[r] = choose(&at, r);
        for (int r = 0; r < of->p; r++) {
            if (choices[r] == NOTHING) continue;
            carry_out(&at, &to[r], r, choices[r]);
            left--;
        }
        if (left == before) /* the order of the block exceeds the limit */
            SLUICE__TRY_OUT(sluice__fail(
                SLUICE_E_SCHEDULE, "v-half: %lld actions of %d ranks do not fit its memory limit",
                (long long)left, of->p));
    }
out:
    sluice__free(choices);
    sluice__free(at.rank);
    return status;
}
