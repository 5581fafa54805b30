/* SPDX-License-Identifier: MIT */
/* simulate.c -- `sluice simulate`: what a schedule costs in time, transfers and memory. */
#include "simulate.h"

#include <errno.h>
#include <stdlib.h>

enum {
    KEY_COSTS = 0x200,
    KEY_PROFILE,
    KEY_SIZE,
    KEY_SPLIT,
    KEY_RECOMPUTE,
    KEY_LINK,
    KEY_UPDATE,
    KEY_COLUMNS,
    KEY_JSON,
    DEFAULT_COLUMNS = 120
};

/* clang-format off */
static const struct argp_option option_list[] = {
    {"costs", KEY_COSTS, "F,I,W[,R]", 0, "Of every stage's actions, B being I + W and R a recompute (F); for each stage with ';' between them, or @FILE (1,1,1)", 2},
    {"profile", KEY_PROFILE, "FILE", 0, "Seconds and bytes of layers instead, split over the stages", 2},
    {"microbatch-size", KEY_SIZE, "N", 0, "The profile's table of micro-batches of N samples (the only one)", 2},
    {"split", KEY_SPLIT, "N,N,...", 0, "Layers of each stage (so that the dearest stage is cheapest)", 2},
    {"recompute", KEY_RECOMPUTE, "STAGES", 0, "none (the default), full, or stages, as in 0,2: forward again before backward", 2},
    {"link", KEY_LINK, "[A-B:]LATENCY[,BANDWIDTH]", 0, "Of every link, or of that between ranks A and B; a transfer's size is in bytes, or 1 without a profile (free, or the profile's)", 2},
    {"update", KEY_UPDATE, "T", 0, "Of norm and update on each rank (0, or the profile's)", 2},
    {"columns", KEY_COLUMNS, "N", 0, "Width (the terminal's, or 120)", 3},
    {"json", KEY_JSON, 0, 0, "Print an object for scripts", 3},
    {0}};
/* clang-format on */

static int add_link(simulate_options *options, const char *text) {
    const size_t count       = (size_t)options->link_count + 1;
    const char **const links = realloc((void *)options->links, count * sizeof *links);
    if (!links) return cli_fail(CLI_FAILED, "host memory exhausted");
    links[options->link_count++] = text;
    options->links               = links;
    return CLI_OK;
}

static int read_text(const char **out, const char *text) {
    *out = text;
    return CLI_OK;
}

/* argp wants an errno; the sentence is said already. */
static error_t take_option(int key, char *argument, struct argp_state *state) {
    simulate_options *const options = state->input;
    int refused                     = CLI_OK;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->choice.schedule;
        state->child_inputs[1] = &options->choice;
        state->child_inputs[2] = &options->files;
        break;
    case KEY_COSTS:
        refused = read_text(&options->costs, argument);
        break;
    case KEY_PROFILE:
        refused = read_text(&options->profile, argument);
        break;
    case KEY_SPLIT:
        refused = read_text(&options->split, argument);
        break;
    case KEY_RECOMPUTE:
        refused = read_text(&options->recompute, argument);
        break;
    case KEY_UPDATE:
        refused = read_text(&options->update, argument);
        break;
    case KEY_LINK:
        refused = add_link(options, argument);
        break;
    case KEY_SIZE:
        refused = cli_read_count(&options->microbatch, "--microbatch-size", argument, 1, 1 << 30);
        break;
    case KEY_COLUMNS:
        refused = cli_read_int(&options->columns, "--columns", argument, 40, 1000);
        break;
    case KEY_JSON:
        options->json = true;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return refused ? EINVAL : 0;
}

static int simulate(const simulate_options *options, const sluice_schedule *schedule) {
    simulate_costs costs            = {0};
    sluice_program *program         = NULL;
    sluice_program_options settings = SLUICE_PROGRAM_OPTIONS_INIT;
    int failed                      = simulate_read_costs(&costs, options, schedule);
    settings.queues                 = options->choice.queues;
    settings.bytes                  = costs.bytes;
    settings.recompute              = costs.recomputes;
    if (!failed)
        failed = cli_check(sluice_program_compile(&program, schedule, NULL, NULL, &settings));
    if (!failed)
        failed = options->json ? simulate_print_json(options, &costs, schedule, program)
                               : simulate_print(options, &costs, schedule, program);
    sluice_program_free(program);
    simulate_free_costs(&costs);
    return failed;
}

int cli_simulate(int argc, char **argv) {
    static const struct argp_child children[] = {{&cli_schedule_parser, 0, NULL, 0},
                                                 {&laboratory_transport_parser, 0, NULL, 0},
                                                 {&drawing_parser, 0, NULL, 0},
                                                 {0}};
    static const struct argp parser           = {
                  option_list,
                  take_option,
                  "NAME|FILE.csv",
                  "Say what a schedule costs: its time line, idle shares, critical path, transfers, memory.\v"
                            "Costs are per action of a stage, in any unit; a profile's are seconds and bytes.",
                  children,
                  NULL,
                  NULL};
    simulate_options options  = {.choice  = {.transport = "local"},
                                 .columns = cli_columns(DEFAULT_COLUMNS)};
    sluice_schedule *schedule = NULL;
    int failed                = CLI_USAGE;
    if (argp_parse(&parser, argc, argv, 0, NULL, &options) == 0)
        failed = drawing_check(&options.files);
    if (!failed)
        failed = cli_choose_schedule(&schedule, &options.choice.schedule, "sluice simulate");
    if (!failed) failed = cli_check_size(schedule);
    if (!failed) failed = simulate(&options, schedule);
    sluice_schedule_free(schedule);
    free((void *)options.links);
    return failed;
}
