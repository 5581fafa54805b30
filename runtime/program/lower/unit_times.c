/* SPDX-License-Identifier: MIT */
/* unit_times.c -- when blocks end if F, I and W take 1 (B: 2) and transfers nothing. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lower/wiring.h"

typedef struct clockwork {
    const sluice__wiring *wiring;
    const sluice__rank_links *ranks;
    int64_t **ends; /* per rank and block; INT64_MAX: not reached yet */
    int *at;        /* per rank: its next block */
    int *runnable;  /* ranks that may proceed */
    bool *queued;
    int count;
} clockwork;

static void wake(clockwork *clocks, int r) {
    if (clocks->queued[r]) return;
    clocks->queued[r]                 = true;
    clocks->runnable[clocks->count++] = r;
}

/* When everything that `action` needs from other ranks has arrived; INT64_MAX: not yet, or never.
 */
static int64_t input_time(const clockwork *clocks, const sluice_action *action) {
    const sluice__edges *edges = clocks->wiring->edges;
    sluice_role made, taken;
    int64_t last = 0;
    if (!sluice__role_made(action->kind, &made, &taken)) return 0;
    for (int k = 0; k < sluice__edge_count(edges, taken, action->stage); k++) {
        const sluice__edge *edge = &edges->list[sluice__edge_of(edges, taken, action->stage, k)];
        if (edge->channel < 0) continue; /* on this rank: verification checks the order there */
        const int block   = *sluice__block_of(clocks->wiring, action->kind != SLUICE_ACTION_F,
                                              edge->is.producer, action->microbatch);
        const int q       = edges->channels[edge->channel].from;
        const int64_t end = block >= 0 ? clocks->ends[q][block] : INT64_MAX;
        if (end > last) last = end;
    }
    return last;
}

/* Ranks that use the output of `action` may proceed. */
static void wake_users(clockwork *clocks, const sluice_action *action) {
    const sluice__edges *edges = clocks->wiring->edges;
    sluice_role made, taken;
    if (!sluice__role_made(action->kind, &made, &taken)) return;
    for (int k = 0; k < sluice__edge_count(edges, made, action->stage); k++) {
        const int user = edges->list[sluice__edge_of(edges, made, action->stage, k)].is.consumer;
        wake(clocks, sluice_schedule_stage_rank(clocks->wiring->schedule, user));
    }
}

/* Run the next block of rank r; false if it cannot run yet. */
static bool run_block(clockwork *clocks, int r) {
    const sluice__rank_links *rank     = &clocks->ranks[r];
    const int b                        = clocks->at[r];
    const sluice_action *const actions = &rank->actions[rank->blocks[b].first];
    int64_t begin = b > 0 ? clocks->ends[r][b - 1] : 0, lasts = 0;
    for (int k = 0; k < rank->blocks[b].count; k++) {
        const int64_t input = input_time(clocks, &actions[k]);
        if (input == INT64_MAX) return false;
        if (input > begin) begin = input;
        lasts += sluice__unit_time(actions[k].kind);
    }
    clocks->ends[r][b] = begin + lasts;
    clocks->at[r]++;
    for (int k = 0; k < rank->blocks[b].count; k++) wake_users(clocks, &actions[k]);
    return true;
}

static void run_all(clockwork *clocks, int ranks) {
    for (int r = ranks - 1; r >= 0; r--) wake(clocks, r);
    while (clocks->count > 0) {
        const int r       = clocks->runnable[--clocks->count];
        clocks->queued[r] = false;
        while (clocks->at[r] < clocks->ranks[r].block_count && run_block(clocks, r)) {
        }
    }
}

sluice_status sluice__unit_times(int64_t **ends, const sluice__wiring *wiring,
                                 const sluice__rank_links *ranks) {
    const int p          = wiring->ranks;
    clockwork clocks     = {wiring, ranks, ends, NULL, NULL, NULL, 0};
    sluice_status status = SLUICE_OK;
    for (int r = 0; r < p; r++) {
        SLUICE__TRY_OUT(sluice__alloc(&ends[r], (size_t)ranks[r].block_count, sizeof *ends[r]));
        for (int b = 0; b < ranks[r].block_count; b++) ends[r][b] = INT64_MAX;
    }
    SLUICE__TRY_OUT(sluice__alloc(&clocks.at, (size_t)p, sizeof *clocks.at));
    SLUICE__TRY_OUT(sluice__alloc(&clocks.runnable, (size_t)p, sizeof *clocks.runnable));
    SLUICE__TRY_OUT(sluice__alloc(&clocks.queued, (size_t)p, sizeof *clocks.queued));
    run_all(&clocks, p);
out:
    sluice__free(clocks.at);
    sluice__free(clocks.runnable);
    sluice__free(clocks.queued);
    return status;
}
