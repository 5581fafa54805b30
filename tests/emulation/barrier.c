/* SPDX-License-Identifier: MIT */
/* barrier.c -- the one place where the threads of a block meet: at one line, and all of them. */
#include "block.h"

#include <string.h>

static void expect_same_line(const struct emu__grid *g, const struct emu__thread *last) {
    for (unsigned i = 0; i < g->threads; i++) {
        const struct emu__thread *const t = &g->thread[i];
        if (t->state == EMU__AT_BARRIER &&
            (t->line != last->line || strcmp(t->file, last->file) != 0))
            emu__kernel_report("threads %u and %u are at different __syncthreads: %s:%d and %s:%d",
                               last->seen.number, t->seen.number, last->file, last->line, t->file,
                               t->line);
    }
}

static void open_barrier(struct emu__grid *g, const struct emu__thread *last) {
    expect_same_line(g, last);
    struct emu__thread *them[EMU__THREADS];
    g->at_barrier = 0;
    g->yes        = 0;
    for (unsigned i = 0; i < g->threads; i++) {
        g->yes += g->thread[i].yes;
        emu__make_ready(&g->thread[i]);
        them[i] = &g->thread[i];
    }
    emu__meet(them, g->threads);
}

/* A thread that has returned is missed for ever: on a GPU that may pass or hang, so it is wrong.
 * The count stays until all have read it, since the next barrier needs them all. */
int emu_barrier_count(int predicate, const char *file, int line) {
    struct emu__grid *const g   = emu__grid;
    struct emu__thread *const t = emu__this_thread();
    t->file                     = file;
    t->line                     = line;
    t->yes                      = predicate != 0;
    t->state                    = EMU__AT_BARRIER;
    if (++g->at_barrier == g->threads) open_barrier(g, t);
    emu__give_way(t);
    return g->yes;
}

void emu_barrier(const char *file, int line) {
    (void)emu_barrier_count(0, file, line);
}
