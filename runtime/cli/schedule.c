/* SPDX-License-Identifier: MIT */
/* schedule.c -- `sluice schedule`: a schedule as a time line with its numbers, or as CSV. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "drawing.h"

typedef struct schedule_options {
    cli_schedule_choice schedule;
    drawing_files files;
    int columns;
    bool csv, list;
} schedule_options;

enum { KEY_CSV = 0x200, KEY_COLUMNS, KEY_LIST, DEFAULT_COLUMNS = 120 };

static const struct argp_option option_list[] = {
    {"csv", KEY_CSV, 0, 0, "Print the schedule's text form instead", 2},
    {"columns", KEY_COLUMNS, "N", 0, "Width (the terminal's, or 120)", 2},
    {"list", KEY_LIST, 0, 0, "Print the names there are", 2},
    {0}};

/* argp wants an errno; the sentence is said already. */
static error_t take_option(int key, char *argument, struct argp_state *state) {
    schedule_options *const options = state->input;
    int refused                     = CLI_OK;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->schedule;
        state->child_inputs[1] = &options->files;
        break;
    case KEY_LIST:
        options->list = true;
        break;
    case KEY_CSV:
        options->csv = true;
        break;
    case KEY_COLUMNS:
        refused = cli_read_int(&options->columns, "--columns", argument, 40, 1000);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return refused ? EINVAL : 0;
}

static int check_files(const schedule_options *options) {
    if (options->csv && (options->files.svg || options->files.trace))
        return cli_fail(CLI_USAGE, "--csv prints the text form and draws nothing; leave out --svg "
                                   "and --trace, or --csv");
    return drawing_check(&options->files);
}

static int print_csv(const sluice_schedule *schedule) {
    char *text = NULL;
    CLI_TRY(cli_check(sluice_schedule_print(&text, schedule)));
    fputs(text, stdout);
    sluice_text_free(text);
    return CLI_OK;
}

static void print_numbers(const sluice_simulation *simulation) {
    printf("makespan %g, makespan idle %.1f %%\n\n", simulation->makespan,
           100 * simulation->makespan_idle);
    printf("rank  inner idle  peak micro-batches\n");
    for (int r = 0; r < simulation->ranks; r++)
        printf("%4d  %8.1f %%  %18d\n", r, 100 * simulation->rank[r].inner_idle,
               simulation->rank[r].peak_microbatches);
}

static int print_program(const sluice_program *program, const schedule_options *options) {
    const int stages              = sluice_program_stages(program);
    sluice_stage_cost *const unit = malloc((size_t)stages * sizeof *unit);
    if (!unit) return cli_fail(CLI_FAILED, "host memory exhausted");
    for (int s = 0; s < stages; s++) unit[s] = (sluice_stage_cost){1, 1, 1};
    const sluice_simulation_costs costs = {.stages = unit};
    sluice_simulation *simulation       = NULL;
    int failed = cli_print_timeline(&simulation, program, &costs, options->columns);
    if (!failed) {
        print_numbers(simulation);
        failed = drawing_write(&options->files, program, simulation, options->schedule.name, NULL);
    }
    sluice_simulation_free(simulation);
    free(unit);
    return failed;
}

static int print_timeline(const sluice_schedule *schedule, const schedule_options *options) {
    sluice_program *program        = NULL;
    sluice_program_options compile = SLUICE_PROGRAM_OPTIONS_INIT;
    compile.samples                = sluice_schedule_microbatches(schedule);
    CLI_TRY(cli_check_size(schedule));
    CLI_TRY(cli_check(sluice_program_compile(&program, schedule, NULL, NULL, &compile)));
    printf("%s: %d ranks, %d stages, %d micro-batches; F = I = W = 1, B = 2, transfers free\n",
           sluice_schedule_name(schedule), sluice_schedule_ranks(schedule),
           sluice_schedule_stages(schedule), sluice_schedule_microbatches(schedule));
    const int failed = print_program(program, options);
    sluice_program_free(program);
    return failed;
}

int cli_schedule(int argc, char **argv) {
    static const struct argp_child children[] = {
        {&cli_schedule_parser, 0, NULL, 0}, {&drawing_parser, 0, NULL, 0}, {0}};
    static const struct argp parser = {option_list,
                                       take_option,
                                       "NAME|FILE.csv",
                                       "Print a schedule's time line and its numbers.\v"
                                       "--list prints the names. An argument with '/' or ending "
                                       "in .csv is a file, which says P, V and M.",
                                       children,
                                       NULL,
                                       NULL};
    schedule_options options        = {.columns = cli_columns(DEFAULT_COLUMNS)};
    sluice_schedule *schedule       = NULL;
    if (argp_parse(&parser, argc, argv, 0, NULL, &options) != 0) return CLI_USAGE;
    if (options.list) {
        cli_list_schedules();
        return CLI_OK;
    }
    CLI_TRY(check_files(&options));
    CLI_TRY(cli_choose_schedule(&schedule, &options.schedule, "sluice schedule"));
    const int failed = options.csv ? print_csv(schedule) : print_timeline(schedule, &options);
    sluice_schedule_free(schedule);
    return failed;
}
