/* SPDX-License-Identifier: MIT */
/* missing_forwards.c -- whether a schedule runs every micro-batch forward on every stage. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/program/lower/posts.h"

/* Name the first micro-batch that `stage` has no F for. */
static sluice_status name_missing(const sluice_schedule *schedule, int stage) {
    const int m    = sluice_schedule_microbatches(schedule);
    const int rank = sluice_schedule_stage_rank(schedule, stage);
    bool *has;
    int count, missing = 0;
    SLUICE__TRY(sluice__alloc(&has, (size_t)m, sizeof *has));
    const sluice_action *list = sluice_schedule_list(&count, schedule, rank);
    for (int k = 0; k < count; k++)
        if (list[k].kind == SLUICE_ACTION_F && list[k].stage == stage && list[k].microbatch >= 0)
            has[list[k].microbatch] = true;
    while (missing < m && has[missing]) missing++;
    sluice__free(has);
    if (missing == m) return SLUICE_OK; /* another one occurs twice, which verification reports */
    return sluice__fail(SLUICE_E_SCHEDULE, "stage %d of rank %d never does F of micro-batch %d",
                        stage, rank, missing);
}

sluice_status sluice__check_forwards(const sluice_schedule *schedule) {
    const int stages     = sluice_schedule_stages(schedule);
    sluice_status status = SLUICE_OK;
    int *forwards; /* of each stage */
    SLUICE__TRY(sluice__alloc(&forwards, (size_t)stages, sizeof *forwards));
    for (int r = 0; r < sluice_schedule_ranks(schedule); r++) {
        int count;
        const sluice_action *list = sluice_schedule_list(&count, schedule, r);
        for (int k = 0; k < count; k++)
            if (list[k].kind == SLUICE_ACTION_F) forwards[list[k].stage]++;
    }
    for (int s = 0; s < stages && status == SLUICE_OK; s++)
        if (forwards[s] < sluice_schedule_microbatches(schedule))
            status = name_missing(schedule, s);
    sluice__free(forwards);
    return status;
}
