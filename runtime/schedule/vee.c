/* SPDX-License-Identifier: MIT */
/*
 * vee.c -- two stages per rank placed as a V, the backward in halves.
 *
 * Stages go down the ranks and back up: rank 0 has the first and the last, rank p - 1 the two in
 * the middle. A rank that keeps activations of one chunk for long keeps those of the other briefly,
 * so memory is even over the ranks; and the rank with the loss has the first stage, too. (Qi et al.
 * 2024, Pipeline Parallelism with Controllable Memory, which also has the building blocks below;
 * zbv: Qi et al. 2023.)
 */
#include "runtime/schedule/generators.h"

/* ---- zbv: the memory of 1F1B, no idle time ---- */

/* A rank's list and how far it has come; actions of micro-batches from m on are not written. */
typedef struct writer {
    sluice__list *to;
    int p, r, m;
    int next[SLUICE_ACTION_W + 1][2]; /* [kind][chunk] */
} writer;

static void add(writer *at, sluice_action_kind kind, int chunk) {
    const int i = at->next[kind][chunk]++;
    if (i < at->m) sluice__write(at->to, kind, sluice__wave_stage(at->p, at->r, chunk), i);
}

static void add_backward(writer *at, int chunk) {
    add(at, SLUICE_ACTION_I, chunk);
    add(at, SLUICE_ACTION_W, chunk);
}

/* A list for half p more micro-batches than there are reaches its last phase when gradients come;
 * no other number is faster for m > p. */
static int planned_microbatches(int p, int m) {
    const int needed = m > 2 * p - 1 ? m : 2 * p - 1;
    const int more   = m + (p > 2 ? p / 2 - 1 : 0);
    return more < needed ? more : needed;
}

/*
 * Rank r starts r ticks late and then never idles: forwards until the first micro-batch comes back
 * up (2(p - r) - 1 of them, then r pairs of both chunks); the second chunk alone until the gradient
 * reaches the first chunk; then all six actions of a micro-batch in turn; and at the end W in the
 * gaps between the last gradients. This needs 2 p - 1 micro-batches; with fewer, the list is that
 * of more without the actions of the missing ones.
 */
static void emit_zbv(sluice__list *to, const sluice__shape *of, int r) {
    const int p = of->p;
    const int m = planned_microbatches(p, of->m);
    writer at   = {.to = to, .p = p, .r = r, .m = of->m};
    for (int k = 0; k < 2 * (p - r) - 1; k++) add(&at, SLUICE_ACTION_F, 0);
    for (int k = 0; k < r; k++) {
        add(&at, SLUICE_ACTION_F, 1);
        add(&at, SLUICE_ACTION_F, 0);
    }
    for (int k = 0; k < p - r; k++) {
        add(&at, SLUICE_ACTION_F, 1);
        add_backward(&at, 1);
    }
    while (at.next[SLUICE_ACTION_F][1] < m) {
        if (at.next[SLUICE_ACTION_F][0] < m) add(&at, SLUICE_ACTION_F, 0);
        add_backward(&at, 0);
        add(&at, SLUICE_ACTION_F, 1);
        add_backward(&at, 1);
    }
    for (int k = 0; k < r; k++) {
        add(&at, SLUICE_ACTION_I, 0);
        add(&at, SLUICE_ACTION_I, 1);
    }
    while (at.next[SLUICE_ACTION_I][0] < m) add_backward(&at, 0);
    while (at.next[SLUICE_ACTION_W][1] < m) add(&at, SLUICE_ACTION_W, 1);
    while (at.next[SLUICE_ACTION_W][0] < m) add(&at, SLUICE_ACTION_W, 0);
}

/* Up to p micro-batches are never more than the memory holds: whatever is ready can be done. */
sluice_status sluice__emit_zbv(sluice__list *to, const sluice__shape *of) {
    const sluice__ready_rule rule = {.split = true};
    if (of->m <= of->p) return sluice__emit_ready(to, of, &rule);
    for (int r = 0; r < of->p; r++) emit_zbv(&to[r], of, r);
    return SLUICE_OK;
}

/* ---- v-min: a third of 1F1B's memory ---- */

enum { STREAMS = 6, PERIOD = 6 };

/* The six actions of a micro-batch on one rank. */
static const struct {
    sluice_action_kind kind;
    int chunk;
} streams[STREAMS] = {
    {SLUICE_ACTION_F, 0}, {SLUICE_ACTION_F, 1}, {SLUICE_ACTION_I, 1},
    {SLUICE_ACTION_I, 0}, {SLUICE_ACTION_W, 1}, {SLUICE_ACTION_W, 0},
};

/* The first tick after `time` whose slot in the period is free; takes the slot. */
static int take_free(bool taken[PERIOD], int time) {
    do time++;
    while (taken[time % PERIOD]);
    taken[time % PERIOD] = true;
    return time;
}

/*
 * When rank r does each action of micro-batch 0 in the pattern that repeats every 6 ticks. A
 * micro-batch runs down, up, down and up the ranks without waiting, so that its activations are
 * held as briefly as possible. Forwards and gradients on their way down fall on ticks of the parity
 * of r, those on their way up on the other parity, so they never collide; in each parity one slot
 * is left for a W. Where 2 p is a multiple of the period, a longer turn at the first stage keeps
 * the two ways down apart.
 */
static void place_block(int time[STREAMS], int p, int r) {
    const int turn     = p % 3 == 0 ? 3 : 1;
    time[0]            = r;
    time[1]            = 2 * (p - 1) + 1 - r;
    time[2]            = 2 * (p - 1) + 1 + turn + r;
    time[3]            = 4 * (p - 1) + 2 + turn - r;
    bool taken[PERIOD] = {false};
    for (int q = 0; q < 4; q++) taken[time[q] % PERIOD] = true;
    time[4] = take_free(taken, time[2]);
    time[5] = take_free(taken, time[3]);
}

static int find_earliest(const int next[STREAMS], const int done[STREAMS], int m) {
    int first = 0;
    for (int q = 1; q < STREAMS; q++)
        if (done[q] < m && (done[first] == m || next[q] < next[first])) first = q;
    return first;
}

/* Fixed ticks give an order; idle ticks in it vanish when it runs. */
void sluice__emit_v_min(sluice__list *to, const sluice__shape *of, int r) {
    int next[STREAMS], done[STREAMS] = {0};
    place_block(next, of->p, r);
    for (int k = 0; k < STREAMS * of->m; k++) {
        const int q = find_earliest(next, done, of->m);
        sluice__write(to, streams[q].kind, sluice__wave_stage(of->p, r, streams[q].chunk),
                      done[q]++);
        next[q] += PERIOD;
    }
}
