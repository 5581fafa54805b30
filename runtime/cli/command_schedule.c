/* SPDX-License-Identifier: MIT */
/* command_schedule.c -- `sluice schedule`: a schedule as a time line with its numbers, or as CSV.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "costs.h"
#include "drawing.h"

typedef struct schedule_options {
    cli_schedule_choice schedule;
    drawing_choice drawing;
    cost_choice costs;
    const char *csv; /* which text form; NULL: none */
    bool list;
} schedule_options;

static const char *const forms[] = {"compute", "comms", NULL};

static const cli_option own_options[] = {
    {"csv", 0, CLI_SCHEDULE, "FORM",
     "Print the schedule's text form instead: what it computes; with --csv=comms its transfers and "
     "waits, too, in an order for one queue per rank",
     cli_take_word, .field = offsetof(schedule_options, csv), .words = forms, .bare = "compute"},
    {"list", 0, CLI_SCHEDULE, NULL, "Print the names there are", cli_take_flag,
     .field = offsetof(schedule_options, list)},
    {0}};

static const cli_option_table tables[] = {
    {cli_schedule_options, offsetof(schedule_options, schedule), 1, NULL},
    {cost_options, offsetof(schedule_options, costs), 2, NULL},
    {own_options, 0, 2, NULL},
    {drawing_options, offsetof(schedule_options, drawing), 2, NULL},
    {0}};

const cli_command_line command_schedule_line = {CLI_SCHEDULE, tables};

static int check_files(const schedule_options *options) {
    if (options->csv && (options->drawing.svg || options->drawing.trace))
        return cli_fail(CLI_USAGE, "--csv prints the text form and draws nothing; leave out --svg "
                                   "and --trace, or --csv");
    if (options->csv && options->costs.overlap > 0)
        return cli_fail(CLI_USAGE, "--csv prints no times, which --overlap changes; leave out one "
                                   "of them");
    return drawing_check(&options->drawing);
}

static int print_rows(const sluice_schedule *schedule) {
    char *text = NULL;
    CLI_TRY(cli_report(sluice_schedule_print(&text, schedule)));
    fputs(text, stdout);
    sluice_text_free(text);
    return CLI_OK;
}

/* Print the rows of the compiled program. One queue per rank is what the strictest user of such a
 * file has, so an order for it suits all. */
static int print_comms(const sluice_schedule *schedule) {
    sluice_program *program        = NULL;
    sluice_schedule *named         = NULL;
    sluice_program_options compile = SLUICE_PROGRAM_OPTIONS_INIT;
    compile.queues                 = SLUICE_QUEUES_PER_RANK;
    CLI_TRY(cli_check_size(schedule));
    CLI_TRY(cli_report(sluice_program_compile(&program, schedule, NULL, NULL, &compile)));
    int failed = cli_report(sluice_program_schedule(&named, program));
    if (!failed) failed = print_rows(named);
    sluice_schedule_free(named);
    sluice_program_free(program);
    return failed;
}

static int print_csv(const sluice_schedule *schedule, const char *form) {
    return strcmp(form, "comms") == 0 ? print_comms(schedule) : print_rows(schedule);
}

static void print_numbers(const sluice_simulation *simulation) {
    printf("makespan %g, makespan idle %.1f %%\n\n", simulation->makespan,
           100 * simulation->makespan_idle);
    printf("rank  inner idle  peak micro-batches\n");
    for (int r = 0; r < simulation->ranks; r++)
        printf("%4d  %8.1f %%  %18d\n", r, 100 * simulation->rank[r].inner_idle,
               simulation->rank[r].peak_activations);
}

static int print_program(const sluice_program *program, const schedule_options *options) {
    const int stages        = sluice_program_stages(program);
    sluice_cost *const unit = malloc((size_t)stages * sizeof *unit);
    if (!unit) return cli_fail(CLI_FAILED, "host memory exhausted");
    for (int s = 0; s < stages; s++) unit[s] = (sluice_cost){1, 1, 1};
    const sluice_simulation_costs costs = {.stages = unit, .overlap = options->costs.overlap};
    sluice_simulation *simulation       = NULL;
    int failed = cli_report(sluice_program_simulate(&simulation, program, &costs));
    if (!failed)
        failed = cli_print_timeline(program, simulation, drawing_columns(&options->drawing));
    if (!failed) {
        print_numbers(simulation);
        failed =
            drawing_write(&options->drawing, program, simulation, options->schedule.name, NULL);
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
    CLI_TRY(cli_report(sluice_program_compile(&program, schedule, NULL, NULL, &compile)));
    printf("%s: %d ranks, %d stages, %d micro-batches; F = I = W = 1, B = 2, transfers free",
           sluice_schedule_name(schedule), sluice_schedule_ranks(schedule),
           sluice_schedule_stages(schedule), sluice_schedule_microbatches(schedule));
    if (options->costs.overlap > 0) printf(", groups x %g", options->costs.overlap);
    putchar('\n');
    json_t *warnings = NULL;
    int failed       = cost_warn_of_overlap(&warnings, options->costs.overlap, program);
    if (!failed) failed = print_program(program, options);
    json_decref(warnings);
    sluice_program_free(program);
    return failed;
}

int command_schedule(const cli_command *command, int argc, char **argv) {
    schedule_options options  = {0};
    sluice_schedule *schedule = NULL;
    CLI_TRY(cli_parse(&options, NULL, command, argc, argv));
    if (options.list) {
        cli_list_schedules();
        return CLI_OK;
    }
    CLI_TRY(check_files(&options));
    CLI_TRY(cli_choose_schedule(&schedule, &options.schedule, "sluice schedule"));
    const int failed =
        options.csv ? print_csv(schedule, options.csv) : print_timeline(schedule, &options);
    sluice_schedule_free(schedule);
    return failed;
}
