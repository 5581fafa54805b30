/* SPDX-License-Identifier: MIT */
/* schedule_tools.h -- what tests of the schedule tools share: programs without a model, costs. */
#ifndef SLUICE_TESTS_SCHEDULE_TOOLS_H
#define SLUICE_TESTS_SCHEDULE_TOOLS_H

#include "tests/support/support.h"

#include "sluice/program.h"

enum { MAX_STAGES = 64 };

/* Frees the schedule. */
sluice_program *compile_over(sluice_schedule *schedule, sluice_queues queues);

sluice_schedule *generate_schedule(const char *name, int p, int m);
sluice_schedule *parse_schedule(const char *text);

/* Costs of stages that are all alike; everything else is the caller's to set. */
sluice_simulation_costs equal_costs(sluice_cost stages[MAX_STAGES], double forward, double input,
                                    double weight);

sluice_simulation *simulate(const sluice_program *program, const sluice_simulation_costs *costs);

void assert_near(const char *what, double got, double expected);

#endif
