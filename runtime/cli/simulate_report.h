/* SPDX-License-Identifier: MIT */
/* simulate_report.h -- what the files of `sluice simulate` share. */
#ifndef SLUICE_CLI_SIMULATE_REPORT_H
#define SLUICE_CLI_SIMULATE_REPORT_H

#include "costs.h"
#include "drawing.h"
#include "schedule_tools.h"

typedef struct simulate_options {
    tool_choice choice;
    drawing_choice drawing;
    cost_choice costs;
} simulate_options;

/* ---- simulate_report.c ---- */
int simulate_print(const simulate_options *options, const given_costs *costs,
                   const sluice_schedule *schedule, const sluice_program *program);
int simulate_print_json(const simulate_options *options, const given_costs *costs,
                        const sluice_schedule *schedule, const sluice_program *program);

#endif
