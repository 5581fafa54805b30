/* SPDX-License-Identifier: MIT */
/*
 * dualpipev.c -- two stages per rank as a V, forward and backward in pairs that overlap.
 *
 * A pair is a forward of one chunk and a whole backward of the other: the transfers and all-to-alls
 * of one hide behind the arithmetic of the other. (DeepSeek-AI 2024, DeepSeek-V3, whose DualPipe
 * feeds the pipe from both ends; folded to one end, as here: Sea AI Lab 2025, "Cut-in-half".)
 */
#include "runtime/schedule/generators.h"

/* A rank's list and how far it has come; actions of micro-batches from m on are not written. */
typedef struct writer {
    sluice__list *to;
    int p, r, m;
    int forwards[2], backwards[2]; /* per chunk */
    int cursor;                    /* in the list: every I before it has had its W */
    int groups;
} writer;

static bool add(writer *at, sluice_action_kind kind, int chunk) {
    int *const next = kind == SLUICE_ACTION_F ? &at->forwards[chunk] : &at->backwards[chunk];
    const int i     = (*next)++;
    if (i >= at->m) return false;
    sluice__write(at->to, kind, sluice__wave_stage(at->p, at->r, chunk), i);
    return true;
}

/* F of `chunk` and B of the other chunk, overlapped. */
static void add_pair(writer *at, int chunk) {
    const bool f = add(at, SLUICE_ACTION_F, chunk), b = add(at, SLUICE_ACTION_B, 1 - chunk);
    if (!f || !b) return;
    at->groups++;
    for (int k = 1; k <= 2; k++) at->to->actions[at->to->count - k].group = at->groups;
}

/* The W of the oldest I without one; false if there is none. */
static bool add_weight(writer *at) {
    const sluice__list *const list = at->to;
    while (at->cursor < list->count && list->actions[at->cursor].kind != SLUICE_ACTION_I)
        at->cursor++;
    if (at->cursor == list->count) return false;
    const sluice_action i = list->actions[at->cursor++];
    sluice__write(at->to, SLUICE_ACTION_W, i.stage, i.microbatch);
    return true;
}

/* Until the first micro-batch has reached the loss and its gradient has come back. */
static void fill(writer *at, int below) {
    for (int k = 0; k < 2 * below; k++) (void)add(at, SLUICE_ACTION_F, 0);
    for (int k = 0; k <= at->r; k++) {
        (void)add(at, SLUICE_ACTION_F, 0);
        (void)add(at, SLUICE_ACTION_F, 1);
    }
    for (int k = 0; k < below; k++) {
        (void)add(at, SLUICE_ACTION_I, 1);
        (void)add_weight(at);
        (void)add(at, SLUICE_ACTION_F, 1);
    }
}

/* Backwards without forwards: first whole, then in halves, which passes gradients on sooner. */
static void drain(writer *at, int below) {
    for (int k = 0; k < below; k++) {
        (void)add(at, SLUICE_ACTION_B, 1);
        add_pair(at, 1);
    }
    for (int k = 0; k < 2 * (at->r + 1); k++) /* chunks alternate; the second half are split */
        (void)add(at, k > at->r ? SLUICE_ACTION_I : SLUICE_ACTION_B, 1 - k % 2);
    for (int k = 0; k < below; k++) {
        (void)add_weight(at);
        (void)add(at, SLUICE_ACTION_I, 0);
    }
    while (add_weight(at)) {
    }
}

/* The schedule needs 2 p micro-batches; with fewer, the list is that of 2 p without the actions of
 * the missing ones. */
void sluice__emit_dualpipev(sluice__list *to, const sluice__shape *of, int r) {
    const int p = of->p, below = p - 1 - r;
    const int m = of->m < 2 * p ? 2 * p : of->m;
    writer at   = {.to = to, .p = p, .r = r, .m = of->m};
    fill(&at, below);
    for (int k = 0; k < m - 2 * p + r + 1; k++) {
        if (k > 0 || below > 0) {
            add_pair(&at, 0);
        } else { /* the last rank's first gradient comes late: do not hold its forward back for it
                  */
            (void)add(&at, SLUICE_ACTION_F, 0);
            (void)add(&at, SLUICE_ACTION_B, 1);
        }
        add_pair(&at, 1);
    }
    drain(&at, below);
}
