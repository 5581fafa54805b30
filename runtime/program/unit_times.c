/* SPDX-License-Identifier: MIT */
/* unit_times.c -- when blocks end if F, I and W take 1 (B: 2) and transfers nothing. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/links.h"

typedef struct clockwork {
    const sluice_schedule *schedule;
    const sluice__rank_links *ranks;
    const sluice__places *places;
    int64_t **ends; /* per rank and block; INT64_MAX: not reached yet */
    int *at;        /* per rank: its next block */
    int *runnable;  /* ranks that may go on */
    bool *queued;
    int count;
} clockwork;

static void wake(clockwork *clocks, int r) {
    if (clocks->queued[r]) return;
    clocks->queued[r]                 = true;
    clocks->runnable[clocks->count++] = r;
}

/* When what `action` of rank r needs from another rank is there; INT64_MAX: not yet, or never. */
static int64_t input_time(const clockwork *clocks, const sluice_action *action, int r) {
    const bool backward = action->kind != SLUICE_ACTION_F;
    const int maker     = action->stage + (backward ? 1 : -1);
    if (action->kind == SLUICE_ACTION_W || maker < 0 || maker >= clocks->places->stages) return 0;
    const int q = sluice_schedule_stage_rank(clocks->schedule, maker);
    if (q == r) return 0; /* in its list: verification sees to the order there */
    const int block =
        clocks->places
            ->block[sluice__place_index(clocks->places, backward, maker, action->microbatch)];
    return block >= 0 ? clocks->ends[q][block] : INT64_MAX;
}

/* Rank r's next block; false if it cannot be done yet. */
static bool run_block(clockwork *clocks, int r) {
    const sluice__rank_links *rank     = &clocks->ranks[r];
    const int b                        = clocks->at[r];
    const sluice_action *const actions = &rank->actions[rank->blocks[b].first];
    int64_t begin = b > 0 ? clocks->ends[r][b - 1] : 0, lasts = 0;
    for (int k = 0; k < rank->blocks[b].count; k++) {
        const int64_t input = input_time(clocks, &actions[k], r);
        if (input == INT64_MAX) return false;
        if (input > begin) begin = input;
        lasts += actions[k].kind == SLUICE_ACTION_B ? 2 : 1;
    }
    clocks->ends[r][b] = begin + lasts;
    clocks->at[r]++;
    for (int k = 0; k < rank->blocks[b].count; k++) {
        const int user = sluice__consumer_of(&actions[k], clocks->places->stages);
        if (user >= 0) wake(clocks, sluice_schedule_stage_rank(clocks->schedule, user));
    }
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

sluice_status sluice__unit_times(int64_t **ends, const sluice_schedule *schedule,
                                 const sluice__rank_links *ranks, const sluice__places *places) {
    const int p          = sluice_schedule_ranks(schedule);
    clockwork clocks     = {schedule, ranks, places, ends, NULL, NULL, NULL, 0};
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
