/* SPDX-License-Identifier: MIT */
/* schedule.c -- `sluice schedule`: a schedule as a time line with its numbers, or as CSV. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

#include "drawing.h"

typedef struct schedule_options {
    cli_schedule_choice schedule;
    drawing_files files;
    int columns;
    bool csv, list;
} schedule_options;

enum { KEY_CSV = 256, KEY_COLUMNS, KEY_SLACK, KEY_GROUP, KEY_LIST };
enum { DEFAULT_COLUMNS = 120, MOST_SIMULATED = 1 << 22 };

static const struct argp_option option_list[] = {
    {"ranks",        'p', "P", 0, "Ranks", 0},
    {"chunks",           'v', "V", 0, "Stages of each rank (the schedule's own)", 0},
    {"microbatches",       'm', "M", 0, "Micro-batches", 0},
    {"slack",              KEY_SLACK, "S", 0, "Warm-up of 1f1b and interleaved, 1 to 2 (1)", 0},
    {"group", KEY_GROUP, "N", 0, "Micro-batches of a round of interleaved (P)", 0},
    {"csv",             KEY_CSV, 0, 0, "Print the schedule's text form instead", 0},
    {"columns",             KEY_COLUMNS, "N", 0, "Width (the terminal's, or 120)", 0},
    {"list", KEY_LIST, 0, 0, "Print the names there are", 0},
    {0          }
};

/* argp wants an errno; the sentence is said already. */
static error_t take_option(int key, char *argument, struct argp_state *state) {
    schedule_options *const options     = state->input;
    cli_schedule_choice *const schedule = &options->schedule;
    int refused                         = CLI_OK;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->files;
        break;
    case 'p':
        refused = cli_read_int(&schedule->ranks, "-p", argument, 1, SLUICE_MAX_STAGES);
        break;
    case 'v':
        refused = cli_read_int(&schedule->chunks, "-v", argument, 1, SLUICE_MAX_STAGES);
        break;
    case 'm':
        refused = cli_read_int(&schedule->microbatches, "-m", argument, 1, 1 << 20);
        break;
    case KEY_SLACK:
        refused = cli_read_number(&schedule->slack, "--slack", argument, 1, false);
        break;
    case KEY_GROUP:
        refused = cli_read_int(&schedule->group, "--group", argument, 1, 1 << 20);
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
    case ARGP_KEY_ARG:
        if (schedule->name)
            refused = cli_fail(CLI_USAGE, "'%s' is one schedule too many; name one", argument);
        schedule->name = argument;
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

static int check_choice(cli_schedule_choice *choice) {
    if (!choice->name)
        return cli_fail(CLI_USAGE,
                        "no schedule is named; for example: sluice schedule 1f1b -p 4 -m 8");
    if (cli_is_file(choice->name)) return CLI_OK; /* it says p and m itself */
    if (choice->ranks == 0) return cli_fail(CLI_USAGE, "-p is missing; say how many ranks");
    if (choice->microbatches == 0)
        return cli_fail(CLI_USAGE, "-m is missing; say how many micro-batches");
    return cli_settle_ranks(choice, choice->ranks);
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
    if (!failed) print_numbers(simulation);
    if (!failed)
        failed = drawing_write(&options->files, program, simulation, options->schedule.name, NULL);
    sluice_simulation_free(simulation);
    free(unit);
    return failed;
}

/* A program takes far more memory than the schedule it is made of. */
static int check_size(const sluice_schedule *schedule) {
    const int stages = sluice_schedule_stages(schedule);
    const int m      = sluice_schedule_microbatches(schedule);
    if ((int64_t)stages * m <= MOST_SIMULATED) return CLI_OK;
    return cli_fail(CLI_USAGE,
                    "%d stages x %d micro-batches are more than %d, too many to simulate; --csv "
                    "prints them",
                    stages, m, MOST_SIMULATED);
}

static int print_timeline(const sluice_schedule *schedule, const schedule_options *options) {
    sluice_program *program        = NULL;
    sluice_program_options compile = SLUICE_PROGRAM_OPTIONS_INIT;
    compile.samples                = sluice_schedule_microbatches(schedule);
    CLI_TRY(check_size(schedule));
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
        {&drawing_parser, 0, NULL, 0},
        {0          }
    };
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
    CLI_TRY(check_choice(&options.schedule));
    CLI_TRY(check_files(&options));
    CLI_TRY(cli_load_schedule(&schedule, &options.schedule));
    const int failed = options.csv ? print_csv(schedule) : print_timeline(schedule, &options);
    sluice_schedule_free(schedule);
    return failed;
}
