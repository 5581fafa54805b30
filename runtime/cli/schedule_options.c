/* SPDX-License-Identifier: MIT */
/* schedule_options.c -- the options that name a schedule, and the queues it is to run over. */
#include <errno.h>
#include <string.h>

#include "laboratory.h"

/* ---- which schedule ---- */

enum { KEY_SLACK = 0x100, KEY_GROUP, KEY_TRANSPORT };

static const struct argp_option schedule_list[] = {
    {"ranks", 'p', "P", 0, "Ranks", 1},
    {"chunks", 'v', "V", 0, "Stages of each rank (the schedule's own)", 1},
    {"microbatches", 'm', "M", 0, "Micro-batches", 1},
    {"slack", KEY_SLACK, "S", 0, "Warm-up of 1f1b and interleaved, 1 to 2 (1)", 1},
    {"group", KEY_GROUP, "N", 0, "Micro-batches of a round of interleaved (P)", 1},
    {0}};

/* argp wants an errno; the sentence is said already. */
static error_t take_schedule(int key, char *argument, struct argp_state *state) {
    cli_schedule_choice *const schedule = state->input;
    int refused                         = CLI_OK;
    switch (key) {
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

const struct argp cli_schedule_parser = {.options = schedule_list, .parser = take_schedule};

int cli_choose_schedule(sluice_schedule **out, cli_schedule_choice *choice, const char *command) {
    if (!choice->name)
        return cli_fail(CLI_USAGE, "no schedule is named; for example: %s 1f1b -p 4 -m 8", command);
    if (!cli_is_file(choice->name)) { /* a file says p and m itself */
        if (choice->ranks == 0) return cli_fail(CLI_USAGE, "-p is missing; say how many ranks");
        if (choice->microbatches == 0)
            return cli_fail(CLI_USAGE, "-m is missing; say how many micro-batches");
        CLI_TRY(cli_settle_ranks(choice, choice->ranks));
    }
    return cli_load_schedule(out, choice);
}

enum { MOST_SIMULATED = 1 << 23 };

int cli_check_size(const sluice_schedule *schedule) {
    const int stages = sluice_schedule_stages(schedule);
    const int m      = sluice_schedule_microbatches(schedule);
    if ((int64_t)stages * m <= MOST_SIMULATED) return CLI_OK;
    return cli_fail(CLI_USAGE,
                    "%d stages x %d micro-batches are more than %d, too many to simulate; sluice "
                    "schedule --csv prints them",
                    stages, m, MOST_SIMULATED);
}

/* ---- over which queues ---- */

static const struct argp_option transport_list[] = {
    {"transport", KEY_TRANSPORT, "NAME", 0,
     "local or mpi: a queue for each directed link (the default); nccl: one for each rank", 1},
    {0}};

static int read_transport(laboratory_choice *choice, const char *name) {
    choice->transport = name;
    choice->queues    = SLUICE_QUEUES_PER_CHANNEL;
    if (strcmp(name, "local") == 0 || strcmp(name, "mpi") == 0) return CLI_OK;
    choice->queues = SLUICE_QUEUES_PER_RANK;
    if (strcmp(name, "nccl") == 0) return CLI_OK;
    return cli_fail(CLI_USAGE, "--transport is '%s'; choose one of: local, mpi, nccl", name);
}

static error_t take_transport(int key, char *argument, struct argp_state *state) {
    if (key != KEY_TRANSPORT) return ARGP_ERR_UNKNOWN;
    return read_transport(state->input, argument) ? EINVAL : 0;
}

const struct argp laboratory_transport_parser = {.options = transport_list,
                                                 .parser  = take_transport};

const char *laboratory_queues(const laboratory_choice *choice) {
    return choice->queues == SLUICE_QUEUES_PER_RANK ? "one queue of groups per rank"
                                                    : "a queue per directed link";
}
