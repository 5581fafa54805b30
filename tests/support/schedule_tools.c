/* SPDX-License-Identifier: MIT */
/* schedule_tools.c -- compiles and simulates, or fails the test. */
#include "tests/support/schedule_tools.h"

#include <math.h>

sluice_program *compile_over(sluice_schedule *schedule, sluice_queues queues) {
    sluice_program *program         = NULL;
    sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    settings.queues                 = queues;
    assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
    sluice_schedule_free(schedule);
    return program;
}

sluice_schedule *generate_schedule(const char *name, int p, int m) {
    sluice_schedule *schedule       = NULL;
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    options.ranks                   = p;
    options.microbatches            = m;
    assert_ok(sluice_schedule_generate(&schedule, name, &options));
    return schedule;
}

sluice_schedule *parse_schedule(const char *text) {
    sluice_schedule *schedule = NULL;
    assert_ok(sluice_schedule_parse(&schedule, text, strlen(text)));
    return schedule;
}

sluice_simulation_costs equal_costs(sluice_cost stages[MAX_STAGES], double forward, double input,
                                    double weight) {
    for (int s = 0; s < MAX_STAGES; s++) stages[s] = (sluice_cost){forward, input, weight};
    return (sluice_simulation_costs){.stages = stages};
}

sluice_simulation *simulate(const sluice_program *program, const sluice_simulation_costs *costs) {
    sluice_simulation *simulation = NULL;
    assert_ok(sluice_program_simulate(&simulation, program, costs));
    return simulation;
}

void test_near(const char *what, const char *of, double got, double expected) {
    if (!(fabs(got - expected) < 1e-9))
        fail_msg("%s: %s is %.12g, expected %.12g", what, of, got, expected);
}
