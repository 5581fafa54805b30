/* SPDX-License-Identifier: MIT */
/* missing_forwards.c -- whether a schedule runs every micro-batch forward on every stage. */
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lower/posts.h"

/* The micro-batches that a stage and its neighbours run forward. */
typedef struct forwards {
    const sluice_schedule *schedule;
    int stage, count;
    bool *before, *here, *after; /* [count] of stage - 1, stage, stage + 1 */
} forwards;

/* Micro-batches to look at: numbers may be huge, but the first one missing is not above the number
 * of actions. */
static int count_microbatches(const sluice_schedule *schedule) {
    int64_t actions = 1;
    for (int r = 0; r < sluice_schedule_ranks(schedule); r++) {
        int count;
        (void)sluice_schedule_list(&count, schedule, r);
        actions += count;
    }
    const int m = sluice_schedule_microbatches(schedule);
    return actions < m ? (int)actions : m;
}

static sluice_status mark(bool **has, const forwards *at, int stage) {
    const sluice_schedule *schedule = at->schedule;
    int count;
    SLUICE__TRY(sluice__alloc(has, (size_t)at->count, sizeof **has));
    if (stage < 0 || stage >= sluice_schedule_stages(schedule)) return SLUICE_OK;
    const sluice_action *list =
        sluice_schedule_list(&count, schedule, sluice_schedule_stage_rank(schedule, stage));
    for (int k = 0; k < count; k++)
        if (list[k].kind == SLUICE_ACTION_F && list[k].stage == stage && list[k].microbatch >= 0 &&
            list[k].microbatch < at->count)
            (*has)[list[k].microbatch] = true;
    return SLUICE_OK;
}

/* The first micro-batch that is in `some` and not in `others`; -1: none. */
static int find_alone(const bool *some, const bool *others, int m) {
    for (int i = 0; i < m; i++)
        if (some[i] && !others[i]) return i;
    return -1;
}

/* `missing` is in its place on one side of the stage, or on none. */
static sluice_status name_one(const forwards *at, int missing) {
    const int s = at->stage, rank = sluice_schedule_stage_rank(at->schedule, s);
    char alone[80] = "";
    if (at->after[missing])
        snprintf(alone, sizeof alone, ", which %dF%d of rank %d needs", s + 1, missing,
                 sluice_schedule_stage_rank(at->schedule, s + 1));
    else if (at->before[missing])
        snprintf(alone, sizeof alone, ": nobody takes %dF%d of rank %d", s - 1, missing,
                 sluice_schedule_stage_rank(at->schedule, s - 1));
    return sluice__fail(SLUICE_E_SCHEDULE, "stage %d of rank %d never does F of micro-batch %d%s",
                        s, rank, missing, alone);
}

/* The stage and the next one run different micro-batches: name one on either side. */
static sluice_status name_both(const forwards *at, int needed, int unused) {
    const int s = at->stage, rank = sluice_schedule_stage_rank(at->schedule, s);
    const int next = sluice_schedule_stage_rank(at->schedule, s + 1);
    sluice__fail(SLUICE_E_SCHEDULE,
                 "%dF%d of rank %d takes from %dF%d, which rank %d never does; %dF%d of rank %d, "
                 "which nobody takes, has no %dF%d on rank %d",
                 s + 1, needed, next, s, needed, rank, s, unused, rank, s + 1, unused, next);
    return sluice__hint(SLUICE_E_SCHEDULE, "number micro-batches from 0 in every row");
}

static sluice_status name_missing(const sluice_schedule *schedule, int stage) {
    const int m          = count_microbatches(schedule);
    forwards at          = {.schedule = schedule, .stage = stage, .count = m};
    sluice_status status = SLUICE_OK;
    int missing          = 0;
    SLUICE__TRY_OUT(mark(&at.before, &at, stage - 1));
    SLUICE__TRY_OUT(mark(&at.here, &at, stage));
    SLUICE__TRY_OUT(mark(&at.after, &at, stage + 1));
    while (missing < m && at.here[missing]) missing++;
    if (missing == m) goto out; /* another one occurs twice, which verification reports */
    const int needed = find_alone(at.after, at.here, m);
    const int unused = find_alone(at.here, at.after, m);
    status = needed >= 0 && unused >= 0 ? name_both(&at, needed, unused) : name_one(&at, missing);
out:
    sluice__free(at.before);
    sluice__free(at.here);
    sluice__free(at.after);
    return status;
}

sluice_status sluice__check_forwards(const sluice_schedule *schedule) {
    const int stages     = sluice_schedule_stages(schedule);
    sluice_status status = SLUICE_OK;
    int *counts; /* forwards of each stage */
    SLUICE__TRY(sluice__alloc(&counts, (size_t)stages, sizeof *counts));
    for (int r = 0; r < sluice_schedule_ranks(schedule); r++) {
        int count;
        const sluice_action *list = sluice_schedule_list(&count, schedule, r);
        for (int k = 0; k < count; k++)
            if (list[k].kind == SLUICE_ACTION_F) counts[list[k].stage]++;
    }
    for (int s = 0; s < stages && status == SLUICE_OK; s++)
        if (counts[s] < sluice_schedule_microbatches(schedule)) status = name_missing(schedule, s);
    sluice__free(counts);
    return status;
}
