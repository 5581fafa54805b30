/* SPDX-License-Identifier: MIT */
/* schedule_options.c -- the options that name a schedule, and the queues it runs over. */
#include <string.h>

#include "schedule_tools.h"

/* ---- which schedule ---- */

static int take_name(void *field, const cli_option *option, const char *name, const char *text) {
    if (*(const char **)field)
        return cli_fail(CLI_USAGE, "'%s' is a second schedule; name one", text);
    return cli_take_text(field, option, name, text);
}

static const char *schedule_word(int index) {
    return sluice_schedule_names()[index];
}

#define FIELD(member) offsetof(cli_schedule_choice, member)
enum { MAX_MICROBATCHES = 1 << 20 };

/* clang-format off */
const cli_option cli_schedule_options[] = {
    {"schedule", 0, CLI_TRAIN | CLI_SPLIT, "NAME|FILE", "1f1b (the default; sluice train: planned), another that `sluice schedule --list` prints, or a CSV file", cli_take_text, .field = FIELD(name), .word_of = schedule_word},
    {"schedule", CLI_ARGUMENT, CLI_TOOLS, NULL, NULL, take_name, .field = FIELD(name), .word_of = schedule_word},
    {"ranks", 'p', CLI_ALL, "P", "Ranks (sluice train: planned; where another option shapes the pipeline, 2, on one core 1)", cli_take_int, .field = FIELD(ranks), .min = 1, .max = SLUICE_MAX_STAGES},
    {"chunks", 'v', CLI_ALL, "V", "Stages of each rank (the schedule's own)", cli_take_int, .field = FIELD(chunks), .min = 1, .max = SLUICE_MAX_STAGES},
    {"stages", 0, CLI_TRAIN | CLI_SPLIT, "K", "Stages in all: ranks x chunks, one of which may be left out", cli_take_int, .field = FIELD(stages), .min = 1, .max = SLUICE_MAX_STAGES},
    {"microbatches", 'm', CLI_ALL, "M", "Micro-batches of a minibatch (sluice train, sluice split: 8)", cli_take_int, .field = FIELD(microbatches), .min = 1, .max = MAX_MICROBATCHES},
    {"slack", 0, CLI_ALL, "S", "Warm-up of 1f1b (1) and interleaved (2), 1 to 2", cli_take_number, .field = FIELD(slack), .min = 1},
    {"group", 0, CLI_ALL, "N", "Micro-batches of a round of interleaved (P)", cli_take_int, .field = FIELD(group), .min = 1, .max = MAX_MICROBATCHES},
    {"extra-warmup", 0, CLI_ALL, "N", "More forwards in the warm-up of interleaved (0)", cli_take_int, .field = FIELD(extra_warmup), .min = 0, .max = MAX_MICROBATCHES},
    {0}};
/* clang-format on */
#undef FIELD

int cli_choose_schedule(sluice_schedule **out, cli_schedule_choice *choice, const char *command) {
    if (!choice->name)
        return cli_fail(CLI_USAGE, "no schedule is named; for example: %s 1f1b -p 4 -m 8", command);
    if (!cli_is_file(choice->name)) { /* a file has p and m */
        if (choice->ranks == 0) return cli_fail(CLI_USAGE, "-p is missing; say how many ranks");
        if (choice->microbatches == 0)
            return cli_fail(CLI_USAGE, "-m is missing; say how many micro-batches");
        CLI_TRY(cli_settle_ranks(choice, choice->ranks));
    }
    return cli_load_schedule(out, choice);
}

enum { MAX_SIMULATED = 1 << 23 };

int cli_check_size(const sluice_schedule *schedule) {
    const int stages = sluice_schedule_stages(schedule);
    const int m      = sluice_schedule_microbatches(schedule);
    if ((int64_t)stages * m <= MAX_SIMULATED) return CLI_OK;
    return cli_fail(CLI_USAGE,
                    "%d stages x %d micro-batches are more than %d, too many to simulate; sluice "
                    "schedule --csv prints them",
                    stages, m, MAX_SIMULATED);
}

/* ---- over which queues ---- */

/* clang-format off */
const cli_option tool_options[] = {
    {"transport", 0, CLI_CHECK | CLI_SIMULATE, "NAME", "local (the default) or host: a queue for each stage boundary; nccl: one for each rank; neither need be usable here", cli_take_word, .field = offsetof(tool_choice, transport), .word_of = sluice_transport_name},
    {"json", 0, CLI_CHECK | CLI_SIMULATE, NULL, "Print an object for scripts", cli_take_flag, .field = offsetof(tool_choice, json)},
    {0}};
/* clang-format on */

sluice_queues tool_queues(const tool_choice *choice) {
    sluice_queues queues = SLUICE_QUEUES_PER_CHANNEL;
    (void)sluice_transport_queues(&queues, choice->transport); /* the name is from the list */
    return queues;
}

const char *tool_queues_text(const tool_choice *choice) {
    return tool_queues(choice) == SLUICE_QUEUES_PER_RANK ? "one queue of groups per rank"
                                                         : "a queue per stage boundary";
}
