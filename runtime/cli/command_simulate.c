/* SPDX-License-Identifier: MIT */
/* command_simulate.c -- `sluice simulate`: what a schedule costs in time, transfers and memory. */
#include "simulate_report.h"

#include <stdlib.h>

static const cli_option own_options[] = {
    {"why", 0, CLI_SIMULATE, "RANK",
     "List each gap of this rank: what it waits for, for how long, and what the other end does",
     cli_take_int, .field = offsetof(simulate_options, why), .min = 0,
     .max = SLUICE_MAX_STAGES - 1},
    {"csv", 0, CLI_SIMULATE, "FILE.csv",
     "Write what was planned under these costs, too: a schedule with its transfers and waits, "
     "which "
     "sluice train --schedule FILE.csv runs as it is",
     simulate_take_csv, .field = offsetof(simulate_options, csv)},
    {0}};

static const cli_option_table tables[] = {
    {cli_schedule_options, offsetof(simulate_options, choice.schedule), 1, NULL},
    {cost_options, offsetof(simulate_options, costs), 2, NULL},
    {own_options, 0, 3, NULL},
    {tool_options, offsetof(simulate_options, choice), 3, NULL},
    {drawing_options, offsetof(simulate_options, drawing), 3, NULL},
    {0}};

const cli_command_line command_simulate_line = {CLI_SIMULATE, tables};

/* The schedule is freed as soon as it is a program, so that large ones fit into memory. */
static int simulate(const simulate_options *options, sluice_schedule *schedule) {
    given_costs costs               = {0};
    sluice_program *program         = NULL;
    sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    int failed                      = given_costs_read(&costs, &options->costs, schedule);
    settings.queues                 = tool_queues(&options->choice);
    settings.bytes                  = costs.bytes;
    settings.recompute              = costs.recomputes;
    settings.outstanding            = (int)options->costs.outstanding;
    settings.costs                  = costs.given ? &costs.costs : NULL;
    if (!failed)
        failed = cli_report(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
    sluice_schedule_free(schedule);
    if (!failed) failed = given_costs_check(&costs, &options->costs, program);
    if (!failed) failed = simulate_write_csv(options, program);
    if (!failed)
        failed = options->choice.json ? simulate_print_json(options, &costs, program)
                                      : simulate_print(options, &costs, program);
    sluice_program_free(program);
    given_costs_free(&costs);
    return failed;
}

int command_simulate(const cli_command *command, int argc, char **argv) {
    simulate_options options  = {.choice = {.transport = "local"}, .why = -1};
    sluice_schedule *schedule = NULL;
    int failed                = cli_parse(&options, NULL, command, argc, argv);
    if (!failed) failed = drawing_check(&options.drawing);
    if (!failed && options.csv) failed = simulate_check_csv(&options);
    if (!failed)
        failed = cli_choose_schedule(&schedule, &options.choice.schedule, "sluice simulate");
    if (!failed) failed = cli_check_size(schedule);
    if (!failed) failed = simulate_check_why(&options, schedule);
    if (!failed)
        failed = simulate(&options, schedule);
    else
        sluice_schedule_free(schedule);
    free((void *)options.costs.links.text);
    return failed;
}
