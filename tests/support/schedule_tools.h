/* SPDX-License-Identifier: MIT */
/* schedule_tools.h -- programs without a model, and costs, for tests of the schedule tools. */
#ifndef SLUICE_TESTS_SCHEDULE_TOOLS_H
#define SLUICE_TESTS_SCHEDULE_TOOLS_H

#include "tests/support/support.h"

#include "sluice/program.h"

enum { MAX_STAGES = 64 };

/* Frees the schedule. */
sluice_program *compile_over(sluice_schedule *schedule, sluice_queues queues);

sluice_schedule *generate_schedule(const char *name, int p, int m);
sluice_schedule *parse_schedule(const char *text);

/* The same costs for every stage; the caller sets everything else. */
sluice_simulation_costs equal_costs(sluice_cost stages[MAX_STAGES], double forward, double input,
                                    double weight);

sluice_simulation *simulate(const sluice_program *program, const sluice_simulation_costs *costs);

/* "1f1b, p = 2: simulation->makespan is 10, expected 12" */
#define assert_near(what, got, expected) test_near(what, #got, got, expected)
void test_near(const char *what, const char *of, double got, double expected);

#endif
