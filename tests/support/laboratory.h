/* SPDX-License-Identifier: MIT */
/* laboratory.h -- what tests of the schedule laboratory share: programs without a model, costs. */
#ifndef SLUICE_TESTS_LABORATORY_H
#define SLUICE_TESTS_LABORATORY_H

#include "tests/support/support.h"

#include <math.h>

#include "sluice/program.h"

enum { MOST_STAGES = 64 };

static inline sluice_program *compile_over(sluice_schedule *schedule, sluice_queues queues) {
    sluice_program *program         = NULL;
    sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    settings.queues                 = queues;
    assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
    sluice_schedule_free(schedule);
    return program;
}

static inline sluice_schedule *generate_schedule(const char *name, int p, int m) {
    sluice_schedule *schedule       = NULL;
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    options.ranks                   = p;
    options.microbatches            = m;
    assert_ok(sluice_schedule_generate(&schedule, name, &options));
    return schedule;
}

static inline sluice_schedule *parse_schedule(const char *text) {
    sluice_schedule *schedule = NULL;
    assert_ok(sluice_schedule_parse(&schedule, text, strlen(text)));
    return schedule;
}

/* Costs of stages that are all alike; everything else is the caller's to set. */
static inline sluice_simulation_costs equal_costs(sluice_stage_cost stages[MOST_STAGES],
                                                  double forward, double input, double weight) {
    for (int s = 0; s < MOST_STAGES; s++) stages[s] = (sluice_stage_cost){forward, input, weight};
    return (sluice_simulation_costs){.stages = stages};
}

static inline sluice_simulation *simulate(const sluice_program *program,
                                          const sluice_simulation_costs *costs) {
    sluice_simulation *simulation = NULL;
    assert_ok(sluice_program_simulate(&simulation, program, costs));
    return simulation;
}

static inline void assert_near(const char *what, double got, double expected) {
    if (!(fabs(got - expected) < 1e-9)) fail_msg("%s: %.12g, expected %.12g", what, got, expected);
}

#endif
