/* SPDX-License-Identifier: MIT */
/* evaluation.c -- forward-only programs that accompany a step, for evaluation, on the same arenas.
 */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/planner/planner.h"
#include "runtime/program/compiled.h"

/* Each rank runs its stages in order, one micro-batch after the other. */
static void fill_lists(const sluice_program *step, int microbatches, sluice_action *next,
                       const sluice_action **lists, int *counts) {
    for (int r = 0; r < step->ranks; r++) {
        lists[r] = next;
        for (int i = 0; i < microbatches; i++)
            for (int s = 0; s < step->stages; s++)
                if (step->stage_rank[s] == r) *next++ = (sluice_action){SLUICE_ACTION_F, s, i, 0};
        counts[r] = (int)(next - lists[r]);
    }
}

static void copy_split(sluice_split *split, const sluice_program *step) {
    const sluice__layout *last = &step->layouts[step->stages - 1];
    split->stages              = step->stages;
    for (int s = 0; s < step->stages; s++) split->first[s] = step->layouts[s].first;
    split->first[step->stages] = last->first + last->count;
}

sluice_status sluice__compile_forward(sluice_program **out, const sluice_program *step,
                                      const char *name, int microbatches, int64_t samples) {
    const size_t p = (size_t)step->ranks, count = (size_t)step->stages * (size_t)microbatches;
    sluice_action *actions      = NULL;
    const sluice_action **lists = NULL;
    int *counts                 = NULL;
    sluice_split *split         = NULL;
    sluice_schedule *schedule   = NULL;
    sluice_status status        = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&actions, count, sizeof *actions));
    SLUICE__TRY_OUT(sluice__alloc(&lists, p, sizeof *lists));
    SLUICE__TRY_OUT(sluice__alloc(&counts, p, sizeof *counts));
    SLUICE__TRY_OUT(sluice__alloc(&split, 1, sizeof *split));
    fill_lists(step, microbatches, actions, lists, counts);
    copy_split(split, step);
    sluice_program_options options = step->options;
    options.samples                = samples * microbatches;
    options.recompute              = NULL;
    SLUICE__TRY_OUT(sluice_schedule_from_lists(&schedule, name, lists, counts, step->ranks));
    SLUICE__TRY_OUT(sluice_program_compile(out, schedule, step->model, split, &options));
out:
    sluice_schedule_free(schedule);
    sluice__free(split);
    sluice__free(counts);
    sluice__free(lists);
    sluice__free(actions);
    return status;
}
