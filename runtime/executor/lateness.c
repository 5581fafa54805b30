/* SPDX-License-Identifier: MIT */
/* lateness.c -- how late the ranks of virtual devices wake up, and how short their actions are. */
#include <math.h>
#include <stdlib.h>

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/executor/workers.h"
#include "runtime/program/instruction.h"
#include "sluice/virtual.h"

enum { SLEEPS = 40 };
static const double sleep_s = 1e-3;

/* `argument` has SLEEPS times per rank. All ranks sleep at once, as they do in a step. */
static sluice_status sleep_often(sluice__rank *rank, void *argument) {
    double *const late = (double *)argument + (size_t)rank->local * SLEEPS;
    for (int n = 0; n < SLEEPS; n++) {
        const double end = sluice__now() + sleep_s;
        sluice__sleep_until(end, rank->pipeline->pin);
        late[n] = sluice__now() - end;
        sluice__progress(&rank->pipeline->deadline);
    }
    return SLUICE_OK;
}

static int compare(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

sluice_status sluice_virtual_lateness(double *lateness, sluice_pipeline *pipeline) {
    const size_t count = (size_t)pipeline->world.local_count * SLEEPS;
    double *late;
    if (pipeline->ops->computes)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "only virtual devices sleep through their actions, and this one is %s",
                            pipeline->ops->name);
    SLUICE__TRY(sluice__alloc(&late, count, sizeof *late));
    const sluice_status status = sluice__workers_do(pipeline, sleep_often, late);
    if (sluice__workers_are_stuck(pipeline)) return status; /* a rank may still write there */
    if (status == SLUICE_OK) {
        qsort(late, count, sizeof *late, compare);
        *lateness = late[count * 9 / 10];
    }
    sluice__free(late);
    return status;
}

double sluice_virtual_shortest_action(const sluice_pipeline *pipeline) {
    const sluice_simulation_costs *const costs = pipeline->options.costs;
    double shortest                            = INFINITY;
    for (int r = 0; costs && r < pipeline->ranks; r++) {
        const sluice__rank_program *const mine = &pipeline->program->rank[r];
        for (int n = 0; n < mine->count; n++) {
            if (!sluice__is_compute(&mine->list[n])) continue;
            const double lasts = sluice__action_cost(costs, &mine->list[n]);
            if (lasts > 0) shortest = fmin(shortest, lasts);
        }
    }
    return shortest;
}
