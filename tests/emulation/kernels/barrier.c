/* SPDX-License-Identifier: MIT */
/* barrier.c -- the one place where the threads of a block meet: all of them, at one line. */
#include "block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    char file[64]; /* without its folders */
    int line;
} skipped;

void emu_skip_barrier(const char *where) {
    const char *const colon = where ? strrchr(where, ':') : NULL;
    skipped.line            = colon ? (int)strtol(colon + 1, NULL, 10) : 0;
    if (colon)
        (void)snprintf(skipped.file, sizeof skipped.file, "%.*s", (int)(colon - where), where);
}

bool emu__skips(const char *file, int line) {
    if (line != skipped.line) return false;
    const char *const slash = strrchr(file, '/');
    return strcmp(slash ? slash + 1 : file, skipped.file) == 0;
}

static void expect_same_line(const struct emu__grid *g, const struct emu__thread *last) {
    for (unsigned i = 0; i < g->threads; i++) {
        const struct emu__thread *const t = &g->thread[i];
        if (t->state == EMU__AT_BARRIER && !emu__is_same_line(t, last))
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

/* A thread that has returned never arrives: a GPU may pass or hang then, so this is an error. The
 * count is kept until all have read it, since the next barrier needs them all. */
int emu_barrier_count(int predicate, const char *file, int line) {
    struct emu__grid *const g   = emu__grid;
    struct emu__thread *const t = emu__this_thread();
    if (emu__skips(file, line)) return predicate;
    t->file  = file;
    t->line  = line;
    t->yes   = predicate != 0;
    t->state = EMU__AT_BARRIER;
    if (++g->at_barrier == g->threads) open_barrier(g, t);
    emu__give_way(t);
    return g->yes;
}

void emu_barrier(const char *file, int line) {
    (void)emu_barrier_count(0, file, line);
}
