/* SPDX-License-Identifier: MIT */
/* block_times.c -- when blocks begin and end if each begins as soon as its inputs have arrived and
 * its rank is free: transfers begin when their producers end. */
#include "runtime/program/lower/block_times.h"

#include <math.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/compiled.h"
#include "runtime/program/simulate/simulator.h"

typedef struct clockwork {
    const sluice__wiring *wiring;
    const sluice__rank_links *ranks;
    const sluice_simulation_costs *costs; /* NULL: F, I and W take 1, transfers nothing */
    double shortest;                      /* duration of an action */
    sluice__block_times *times;
    double *free_at; /* per channel: when its last transfer so far ends */
    int *at;         /* per rank: its next block */
    int *runnable;   /* ranks that may proceed */
    bool *queued;
    int count;
} clockwork;

static void wake(clockwork *clocks, int r) {
    if (clocks->queued[r]) return;
    clocks->queued[r]                 = true;
    clocks->runnable[clocks->count++] = r;
}

/* ---- durations ---- */

static double action_time(const clockwork *clocks, const sluice_action *action) {
    if (!clocks->costs) return sluice__unit_time(action->kind);
    const sluice_instruction same = {.kind  = (uint8_t)sluice__compute_kind(action->kind),
                                     .stage = (int16_t)action->stage,
                                     .group = action->group};
    return fmax(sluice__action_cost(clocks->costs, &same), clocks->shortest);
}

static double transfer_time(const clockwork *clocks, int edge, int microbatch) {
    if (!clocks->costs) return 0;
    const sluice__duration lasts =
        sluice__transfer_duration(clocks->wiring->program, clocks->costs, edge, microbatch);
    return lasts.latency + lasts.service;
}

/* Whether the forward of a backward action runs again before it. */
static bool recomputes(const clockwork *clocks, int r, const sluice_action *action) {
    const sluice__rank_links *rank = &clocks->ranks[r];
    const int b = *sluice__block_of(clocks->wiring, false, action->stage, action->microbatch);
    for (int k = 0; b >= 0 && k < rank->blocks[b].count; k++) {
        const int f                  = rank->blocks[b].first + k;
        const sluice_action *forward = &rank->actions[f];
        if (forward->kind == SLUICE_ACTION_F && forward->stage == action->stage &&
            forward->microbatch == action->microbatch)
            return sluice__runs_again(clocks->wiring->program, rank, f);
    }
    return false;
}

/* Time of the forwards that run again before the block's backward actions. */
static double recompute_time(const clockwork *clocks, int r, const sluice__block *block) {
    double all = 0;
    if (!clocks->costs) return 0;
    for (int k = block->first; k < block->first + block->count; k++) {
        const sluice_action *action    = &clocks->ranks[r].actions[k];
        const sluice_instruction again = {.kind  = SLUICE_INSTRUCTION_RECOMPUTE,
                                          .stage = (int16_t)action->stage};
        if (sluice__needs_forward(action->kind) && recomputes(clocks, r, action))
            all += sluice__action_cost(clocks->costs, &again);
    }
    return all;
}

/* ---- the run ---- */

/* When everything that `action` needs from other ranks has arrived; infinite: not yet, or never. */
static double input_time(const clockwork *clocks, const sluice_action *action) {
    const sluice__edges *edges = clocks->wiring->edges;
    sluice_role made, taken;
    double last = 0;
    if (!sluice__role_made(action->kind, &made, &taken)) return 0;
    for (int k = 0; k < sluice__edge_count(edges, taken, action->stage); k++) {
        const int e = sluice__edge_of(edges, taken, action->stage, k);
        if (edges->list[e].channel < 0) continue; /* verification checks the order on a rank */
        last = fmax(last, *sluice__arrival(clocks->times, clocks->wiring, e, action->microbatch));
    }
    return last;
}

/* What `action` produced at `end` is on its way; ranks that use it may proceed. */
static void pass_on(clockwork *clocks, const sluice_action *action, double end) {
    const sluice__edges *edges = clocks->wiring->edges;
    sluice_role made, taken;
    if (!sluice__role_made(action->kind, &made, &taken)) return;
    for (int k = 0; k < sluice__edge_count(edges, made, action->stage); k++) {
        const int e       = sluice__edge_of(edges, made, action->stage, k);
        const int channel = edges->list[e].channel;
        if (channel < 0) continue;
        double *const free_at = &clocks->free_at[channel];
        *free_at              = fmax(end, *free_at) + transfer_time(clocks, e, action->microbatch);
        *sluice__arrival(clocks->times, clocks->wiring, e, action->microbatch) = *free_at;
        wake(clocks, edges->channels[channel].to);
    }
}

/* Run the next block of rank r; false if it cannot run yet. */
static bool run_block(clockwork *clocks, int r) {
    const sluice__rank_links *rank     = &clocks->ranks[r];
    sluice__rank_times *times          = &clocks->times->rank[r];
    const int b                        = clocks->at[r];
    const sluice__block *block         = &rank->blocks[b];
    const sluice_action *const actions = &rank->actions[block->first];
    double begin = b > 0 ? times->end[b - 1] : 0, lasts = 0;
    begin += recompute_time(clocks, r, block);
    for (int k = 0; k < block->count; k++) {
        begin = fmax(begin, input_time(clocks, &actions[k]));
        lasts += action_time(clocks, &actions[k]);
    }
    if (isinf(begin)) return false;
    times->begin[b] = begin;
    times->end[b]   = begin + lasts;
    clocks->at[r]++;
    if (isinf(times->end[b])) clocks->times->overflowed = true;
    for (int k = 0; k < block->count; k++) pass_on(clocks, &actions[k], times->end[b]);
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

/* ---- all ---- */

static sluice_status make_times(sluice__block_times *out, const sluice__wiring *wiring,
                                const sluice__rank_links *ranks) {
    const size_t p        = (size_t)wiring->ranks;
    const size_t arrivals = 2 * (size_t)wiring->edges->activations * (size_t)wiring->microbatches;
    SLUICE__TRY(sluice__alloc(&out->rank, p, sizeof *out->rank));
    SLUICE__TRY(sluice__alloc(&out->arrival, arrivals, sizeof *out->arrival));
    for (size_t k = 0; k < arrivals; k++) out->arrival[k] = INFINITY;
    for (size_t r = 0; r < p; r++) {
        const size_t count       = (size_t)ranks[r].block_count;
        sluice__rank_times *rank = &out->rank[r];
        SLUICE__TRY(sluice__alloc(&rank->begin, count, sizeof *rank->begin));
        SLUICE__TRY(sluice__alloc(&rank->end, count, sizeof *rank->end));
        for (size_t b = 0; b < count; b++) rank->begin[b] = rank->end[b] = INFINITY;
    }
    return SLUICE_OK;
}

/* A millionth of the longest action; 0 if all costs are 0. */
static double shortest_time(const sluice_simulation_costs *costs, int stages) {
    double longest = 0;
    for (int s = 0; s < stages; s++)
        longest = fmax(longest, fmax(costs->stages[s].forward,
                                     costs->stages[s].input + costs->stages[s].weight));
    return 1e-6 * longest;
}

sluice_status sluice__block_times_make(sluice__block_times *out, const sluice__wiring *wiring,
                                       const sluice__rank_links *ranks,
                                       const sluice_simulation_costs *costs) {
    const size_t p       = (size_t)wiring->ranks;
    clockwork clocks     = {.wiring = wiring, .ranks = ranks, .times = out};
    sluice_status status = SLUICE_OK;
    clocks.shortest      = costs ? shortest_time(costs, wiring->stages) : 0;
    clocks.costs         = clocks.shortest > 0 ? costs : NULL;
    SLUICE__TRY_OUT(make_times(out, wiring, ranks));
    SLUICE__TRY_OUT(
        sluice__alloc(&clocks.free_at, (size_t)wiring->edges->channel_count, sizeof(double)));
    SLUICE__TRY_OUT(sluice__alloc(&clocks.at, p, sizeof *clocks.at));
    SLUICE__TRY_OUT(sluice__alloc(&clocks.runnable, p, sizeof *clocks.runnable));
    SLUICE__TRY_OUT(sluice__alloc(&clocks.queued, p, sizeof *clocks.queued));
    run_all(&clocks, wiring->ranks);
out:
    sluice__free(clocks.free_at);
    sluice__free(clocks.at);
    sluice__free(clocks.runnable);
    sluice__free(clocks.queued);
    return status;
}

void sluice__block_times_free(sluice__block_times *times, int ranks) {
    for (int r = 0; times->rank && r < ranks; r++) {
        sluice__free(times->rank[r].begin);
        sluice__free(times->rank[r].end);
    }
    sluice__free(times->rank);
    sluice__free(times->arrival);
    *times = (sluice__block_times){0};
}
