/* SPDX-License-Identifier: MIT */
/* missing_forwards.c -- whether a schedule runs every micro-batch forward on every stage. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lower/posts.h"

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

/* The first `m` micro-batches that a stage runs forward. */
static sluice_status mark(bool **has, const sluice_schedule *schedule, int stage, int m) {
    int count;
    const int rank            = sluice_schedule_stage_rank(schedule, stage);
    const sluice_action *list = sluice_schedule_list(&count, schedule, rank);
    SLUICE__TRY(sluice__alloc(has, (size_t)m, sizeof **has));
    for (int k = 0; k < count; k++)
        if (list[k].kind == SLUICE_ACTION_F && list[k].stage == stage && list[k].microbatch >= 0 &&
            list[k].microbatch < m)
            (*has)[list[k].microbatch] = true;
    return SLUICE_OK;
}

/* The first micro-batch that is in `some` and not in `others`; -1: none. */
static int find_alone(const bool *some, const bool *others, int m) {
    for (int i = 0; i < m; i++)
        if (some[i] && !others[i]) return i;
    return -1;
}

/* Two stages of which one runs a micro-batch that the other does not. */
typedef struct boundary {
    int stage;  /* the first one */
    int needed; /* by the second stage, and not done by the first; -1 */
    int unused; /* done by the first, and not taken by the second; -1 */
} boundary;

static sluice_status compare_stages(boundary *out, const sluice_schedule *schedule, int stage,
                                    int m) {
    bool *here = NULL, *after = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY_OUT(mark(&here, schedule, stage, m));
    SLUICE__TRY_OUT(mark(&after, schedule, stage + 1, m));
    *out = (boundary){stage, find_alone(after, here, m), find_alone(here, after, m)};
out:
    sluice__free(here);
    sluice__free(after);
    return status;
}

/* How much a boundary explains: both sides, one that lacks its input, one that nobody takes. */
static int explains(const boundary *at) {
    return 2 * (at->needed >= 0) + (at->unused >= 0);
}

static sluice_status name_boundary(const sluice_schedule *schedule, const boundary *at) {
    const int s = at->stage, rank = sluice_schedule_stage_rank(schedule, s);
    const int next = sluice_schedule_stage_rank(schedule, s + 1);
    if (at->unused < 0)
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "stage %d of rank %d never does F of micro-batch %d, which %dF%d of "
                            "rank %d needs",
                            s, rank, at->needed, s + 1, at->needed, next);
    if (at->needed < 0)
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "stage %d of rank %d never does F of micro-batch %d: nobody takes "
                            "%dF%d of rank %d",
                            s + 1, next, at->unused, s, at->unused, rank);
    (void)sluice__fail(
        SLUICE_E_SCHEDULE,
        "%dF%d of rank %d takes from %dF%d, which rank %d never does; %dF%d of rank %d, "
        "which nobody takes, has no %dF%d on rank %d",
        s + 1, at->needed, next, s, at->needed, rank, s, at->unused, rank, s + 1, at->unused, next);
    return sluice__hint(SLUICE_E_SCHEDULE, "number micro-batches from 0 in every row");
}

/* `stage` has fewer F than there are micro-batches, but where all stages agree, it is no less wrong
 * than the others. */
static sluice_status name_stage(const sluice_schedule *schedule, int stage, int m) {
    bool *has;
    int missing = 0;
    SLUICE__TRY(mark(&has, schedule, stage, m));
    while (missing < m && has[missing]) missing++;
    sluice__free(has);
    if (missing == m) return SLUICE_OK; /* another one occurs twice, which verification reports */
    return sluice__fail(SLUICE_E_SCHEDULE, "stage %d of rank %d never does F of micro-batch %d",
                        stage, sluice_schedule_stage_rank(schedule, stage), missing);
}

static sluice_status name_missing(const sluice_schedule *schedule, int stage) {
    const int m   = count_microbatches(schedule);
    boundary best = {0, -1, -1};
    for (int s = 0; s + 1 < sluice_schedule_stages(schedule) && explains(&best) < 3; s++) {
        boundary at;
        SLUICE__TRY(compare_stages(&at, schedule, s, m));
        if (explains(&at) > explains(&best)) best = at;
    }
    return explains(&best) > 0 ? name_boundary(schedule, &best) : name_stage(schedule, stage, m);
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
