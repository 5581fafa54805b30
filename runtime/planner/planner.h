/* SPDX-License-Identifier: MIT */
/* planner.h -- the plan's struct, and declarations that the planner's files share. */
#ifndef SLUICE_PLANNER_PLANNER_H
#define SLUICE_PLANNER_PLANNER_H

#include <stdatomic.h>

#include "sluice/plan.h"

struct sluice_plan {
    atomic_int holders; /* the caller, and every pipeline opened from it */
    const sluice_model *model;
    sluice_plan_options options; /* pointers in it are not valid */
    sluice_program **programs;
    char **names;
    int count, ranks;
};

/* Which program is the evaluation, the first that only goes forward; those of the caller follow. */
static inline int sluice__plan_evaluation(const sluice_plan *plan) {
    return plan->options.inference ? 0 : SLUICE_PLAN_EVALUATION;
}

/* Add a holder; each of them calls sluice_plan_free(). */
void sluice__plan_hold(sluice_plan *plan);

/* The same stages on the same ranks as in `step`, forward only, in `microbatches` micro-batches of
 * up to `samples` samples, on the step's permanent region; `step` may be forward-only itself.
 * E_HOST_MEMORY. */
sluice_status sluice__compile_forward(sluice_program **out, const sluice_program *step,
                                      const char *name, int microbatches, int64_t samples);

/* A text with up to four other ways to run the minibatch in `options->memory_limit` bytes per rank,
 * smallest change first; each was planned and fits. */
void sluice__describe_remedies(char *out, size_t bytes, const sluice_model *model,
                               const sluice_schedule *schedule, const sluice_plan_options *options);

#endif
