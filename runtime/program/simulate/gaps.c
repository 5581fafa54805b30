/* SPDX-License-Identifier: MIT */
/* gaps.c -- why a rank stands still, and what the rank that it waits for does meanwhile. */
#include "sluice/gaps.h"

#include <math.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/bisect.h"
#include "runtime/program/compiled.h"
#include "runtime/program/simulate/charges.h"

const char *sluice_gap_name(sluice_gap_kind kind) {
    switch (kind) {
#define X(name, code, text)                                                                        \
    case SLUICE_GAP_##name:                                                                        \
        return text;
        SLUICE_GAP_MAP(X)
#undef X
    }
    return "unknown gap";
}

/* ---- in words ---- */

/* Whether instruction n is the backward of this micro-batch that produces its gradient. */
static bool makes_gradient(const sluice__rank_program *on, int n, int stage, int microbatch) {
    if (n < 0 || n >= on->count) return false;
    const sluice_instruction *at = &on->list[n];
    return (at->kind == SLUICE_INSTRUCTION_BACKWARD ||
            at->kind == SLUICE_INSTRUCTION_BACKWARD_INPUT) &&
           at->stage == stage && at->microbatch == microbatch;
}

/* Whether the input half of this micro-batch's backward is an action of its own. Ranks are at about
 * the same instruction at a time, so that the search from `near` to both sides is short. */
static bool is_halved(const sluice_program *program, int stage, int microbatch, int near) {
    const sluice__rank_program *on = &program->rank[program->stage_rank[stage]];
    for (int away = 0; near - away >= 0 || near + away < on->count; away++)
        for (int n = near - away; n <= near + away; n += away > 0 ? 2 * away : 1)
            if (makes_gradient(on, n, stage, microbatch))
                return on->list[n].kind == SLUICE_INSTRUCTION_BACKWARD_INPUT;
    return false;
}

/* A transfer is named by the action that produces what it carries. */
static void describe_transfer(char *out, size_t bytes, const sluice_program *program,
                              const sluice_instruction *at, int instruction) {
    const sluice_edge *edge = &program->edges.list[at->edge].is;
    const char *const way   = at->sends ? "send" : "receive";
    const char *const to    = at->sends ? "to" : "from";
    if (at->microbatch < 0) {
        snprintf(out, bytes, "%s of a %s %s rank %d", way, sluice_payload_name(edge->payload), to,
                 at->peer);
        return;
    }
    const char *const action = !sluice__is_backward(edge->payload) ? "F"
                               : is_halved(program, edge->producer, at->microbatch, instruction)
                                   ? "I"
                                   : "B";
    snprintf(out, bytes, "%s of %s %d%s%d %s rank %d", way, sluice_payload_name(edge->payload),
             edge->producer, action, at->microbatch, to, at->peer);
}

void sluice_program_describe(char *out, size_t bytes, const sluice_program *program, int rank,
                             int instruction) {
    const sluice_instruction *at = &program->rank[rank].list[instruction];
    if (at->peer >= 0)
        describe_transfer(out, bytes, program, at, instruction);
    else
        sluice__describe_instruction(out, bytes, at);
}

/* ---- gaps ---- */

typedef struct search {
    const sluice_program *program;
    const sluice_simulation *simulation;
    int rank;
    const int *partners; /* of its waits */
    sluice_gap *found;   /* NULL while they are counted */
    int count;
} search;

static void add_gap(search *all, sluice_gap gap) {
    if (all->found) all->found[all->count] = gap;
    all->count++;
}

/* Find what `gap->peer` runs while it is absent: instructions that take time. */
static void find_meanwhile(const search *all, sluice_gap *gap) {
    const sluice_rank_times *peer = &all->simulation->rank[gap->peer];
    const double until            = gap->begin + gap->absent;
    const int count               = all->program->rank[gap->peer].count;
    gap->first = gap->last = -1;
    if (gap->absent <= 0) return;
    for (int n = sluice__first_later(peer->end, count, gap->begin, false);
         n < count && peer->begin[n] < until; n++) {
        if (peer->end[n] <= peer->begin[n]) continue;
        if (gap->first < 0) gap->first = n;
        gap->last = n;
    }
}

static void add_wait(search *all, int n) {
    const sluice_instruction *at  = &all->program->rank[all->rank].list[n];
    const sluice_rank_times *mine = &all->simulation->rank[all->rank];
    sluice_gap gap                = {.kind  = at->sends ? SLUICE_GAP_SEND : SLUICE_GAP_RECEIVE,
                                     .begin = mine->begin[n],
                                     .end   = mine->end[n],
                                     .at    = n,
                                     .peer  = at->peer};
    const double posted           = all->simulation->rank[at->peer].begin[all->partners[n]];
    gap.absent                    = fmax(0, fmin(posted, gap.end) - gap.begin);
    if (all->found) find_meanwhile(all, &gap);
    add_gap(all, gap);
}

/* When a rank reaches its norm; without one, when its list ends. */
static double time_at_norm(const search *all, int r) {
    const sluice__rank_program *on = &all->program->rank[r];
    for (int n = on->count - 1; n >= 0; n--)
        if (on->list[n].kind == SLUICE_INSTRUCTION_NORM) return all->simulation->rank[r].begin[n];
    return on->count > 0 ? all->simulation->rank[r].end[on->count - 1] : 0;
}

static double time_at_end(const search *all, int r) {
    const int count = all->program->rank[r].count;
    return count > 0 ? all->simulation->rank[r].end[count - 1] : 0;
}

/* From `begin` until `end` the rank waits for all others; the last of them is named. */
static void add_meeting(search *all, int n, double begin, double end,
                        double (*arrives)(const search *, int)) {
    sluice_gap gap = {.kind   = SLUICE_GAP_RANKS,
                      .begin  = begin,
                      .end    = end,
                      .absent = end - begin,
                      .at     = n,
                      .peer   = all->rank};
    if (end <= begin) return;
    for (int r = 0; r < all->program->ranks; r++)
        if (arrives(all, r) > arrives(all, gap.peer)) gap.peer = r;
    if (all->found) find_meanwhile(all, &gap);
    add_gap(all, gap);
}

static void find_gaps(search *all) {
    const sluice__rank_program *mine = &all->program->rank[all->rank];
    const sluice_rank_times *times   = &all->simulation->rank[all->rank];
    all->count                       = 0;
    for (int n = 0; n < mine->count; n++) {
        if (times->end[n] <= times->begin[n]) continue;
        if (mine->list[n].kind == SLUICE_INSTRUCTION_WAIT)
            add_wait(all, n);
        else if (mine->list[n].kind == SLUICE_INSTRUCTION_NORM)
            add_meeting(all, n, times->begin[n], times->end[n], time_at_norm);
    }
    add_meeting(all, mine->count, time_at_end(all, all->rank), all->simulation->step, time_at_end);
}

sluice_status sluice_simulation_gaps(sluice_gap **gaps, int *count, const sluice_program *program,
                                     const sluice_simulation *simulation, int rank) {
    search all           = {program, simulation, rank, NULL, NULL, 0};
    int *partners        = NULL;
    sluice_status status = SLUICE_OK;
    if (rank < 0 || rank >= program->ranks)
        return sluice__fail(SLUICE_E_ARGUMENT, "there is no rank %d; there are ranks 0 to %d", rank,
                            program->ranks - 1);
    SLUICE__TRY_OUT(sluice__partners_of_rank(&partners, program, rank));
    all.partners = partners;
    find_gaps(&all);
    SLUICE__TRY_OUT(sluice__alloc(&all.found, (size_t)all.count, sizeof *all.found));
    find_gaps(&all);
    *gaps  = all.found;
    *count = all.count;
out:
    sluice__free(partners);
    return status;
}

void sluice_gaps_free(sluice_gap *gaps) {
    sluice__free(gaps);
}
