/* SPDX-License-Identifier: MIT */
/* plan_stages.c -- the stages of a plan in the order of its schedule. */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "sluice/plan_file.h"

static int count_stages(const sluice_plan_file *file) {
    int count = 0;
    for (int r = 0; r < file->rank_count; r++) count += file->ranks[r].stage_count;
    return count;
}

static sluice_status check_numbers(const sluice_plan_file *file, const sluice_schedule *schedule) {
    const int stages = count_stages(file);
    if (sluice_schedule_ranks(schedule) == file->rank_count &&
        sluice_schedule_stages(schedule) == stages)
        return SLUICE_OK;
    return sluice__fail(
        SLUICE_E_ARGUMENT, "the plan has %d stages on %d ranks, and its schedule %d on %d", stages,
        file->rank_count, sluice_schedule_stages(schedule), sluice_schedule_ranks(schedule));
}

/* Stage s is the next one of its rank, and follows the stage before it; NULL: E_ARGUMENT. */
static const sluice_plan_file_stage *next_stage(int *at, int layer, int s,
                                                const sluice_plan_file *file,
                                                const sluice_schedule *schedule) {
    const int r                         = sluice_schedule_stage_rank(schedule, s);
    const sluice_plan_file_rank *rank   = &file->ranks[r];
    const sluice_plan_file_stage *stage = at[r] < rank->stage_count ? &rank->stages[at[r]++] : NULL;
    if (stage && stage->first == layer) return stage;
    sluice__fail(
        SLUICE_E_ARGUMENT,
        "stage %d of the schedule is on rank %d and begins with layer %d, and the plan has "
        "no such stage there",
        s, r, layer);
    return NULL;
}

sluice_status sluice_plan_file_stages(sluice_split *split, bool *recompute, sluice_cost *costs,
                                      double *recompute_s, double *updates,
                                      const sluice_plan_file *file,
                                      const sluice_schedule *schedule) {
    sluice_status status = SLUICE_OK;
    int *at, layer = 0;
    SLUICE__TRY(check_numbers(file, schedule));
    SLUICE__TRY(sluice__alloc(&at, (size_t)file->rank_count, sizeof *at));
    split->stages = sluice_schedule_stages(schedule);
    for (int s = 0; s < split->stages; s++) {
        const sluice_plan_file_stage *stage = next_stage(at, layer, s, file, schedule);
        if (!stage) {
            status = SLUICE_E_ARGUMENT;
            goto out;
        }
        split->first[s] = layer;
        layer           = stage->last + 1;
        if (recompute) recompute[s] = stage->recompute;
        if (costs) costs[s] = stage->cost;
        if (recompute_s) recompute_s[s] = stage->recompute_s;
    }
    split->first[split->stages] = layer;
    for (int r = 0; updates && r < file->rank_count; r++) updates[r] = file->ranks[r].update_s;
out:
    sluice__free(at);
    return status;
}
