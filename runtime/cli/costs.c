/* SPDX-License-Identifier: MIT */
/* costs.c -- costs of stages and links, from the command line or a profile. */
#include <stdlib.h>
#include <string.h>

#include "costs.h"
#include "split_option.h"

static int take_overlap(void *field, const cli_option *option, const char *name, const char *text) {
    double factor = 0;
    (void)option;
    CLI_TRY(cli_read_number(&factor, name, text, 0, true));
    *(double *)field = factor;
    if (factor <= 1) return CLI_OK;
    return cli_fail(CLI_USAGE,
                    "%s is '%s'; a group takes at most the sum of its actions: give a "
                    "factor of more than 0, and at most 1",
                    name, text);
}

#define FIELD(member) offsetof(cost_choice, member)
/* clang-format off */
const cli_option cost_options[] = {
    {"costs", 0, CLI_VIRTUAL | CLI_SIMULATE, "F,I,W[,R]", "Costs of every stage's actions, where B is I + W and R a recompute (F); or a list for each stage with ';' between them, or @FILE; on virtual devices in seconds (sluice simulate: 1,1,1)", cli_take_text, .field = FIELD(costs)},
    {"profile", 0, CLI_VIRTUAL | CLI_SIMULATE, "FILE", "Seconds and bytes of layers instead, split over the stages", cli_take_text, .field = FIELD(profile)},
    {"microbatch-size", 0, CLI_VIRTUAL | CLI_SIMULATE | CLI_SPLIT, "N", "Samples of a micro-batch: the profile's table of that size (the only one; of a model 1)", cli_take_count, .field = FIELD(microbatch), .min = 1, .max = 1 << 30},
    {"split", 0, CLI_TRAIN | CLI_SIMULATE | CLI_SPLIT, "N,N,...", "Layers of each stage (balanced over FLOPs; a profile's so that the most expensive stage costs the least)", cli_take_text, .field = FIELD(split)},
    {"layout", 0, CLI_TRAIN | CLI_SIMULATE | CLI_SPLIT, "LAYOUT", "The same as Megatron-LM writes it, as in 'Et*3|(tt|)*2tL': E embedding, t block, L loss, | a cut, *n repeats", cli_take_text, .field = FIELD(layout)},
    {"recompute", 0, CLI_TRAIN | CLI_SIMULATE | CLI_SPLIT, "STAGES", "none (the default), full, or stages, as in 0,2: forward again before backward", cli_take_text, .field = FIELD(recompute)},
    {"link", 0, CLI_VIRTUAL | CLI_SIMULATE, "[A-B:]LATENCY[,BANDWIDTH]", "Cost of every link, or of that between ranks A and B; a transfer's size is in bytes, or 1 without a profile (free, or the profile's)", cli_take_texts, .field = FIELD(links)},
    {"outstanding", 0, CLI_TRAIN | CLI_SIMULATE, "N", "Sends to each rank that may be outstanding: fewer take less memory and may hold up the sender (as many as have not ended under the given costs; without, as many as never hold it up)", cli_take_count, .field = FIELD(outstanding), .min = 1, .max = 1 << 30},
    {"update", 0, CLI_VIRTUAL | CLI_SIMULATE, "T", "Time of norm and update on each rank (0, or the profile's)", cli_take_text, .field = FIELD(update)},
    {"overlap", 0, CLI_VIRTUAL | CLI_SCHEDULE | CLI_SIMULATE, "FACTOR", "Time of an overlap group: the sum of its actions' times FACTOR, which is more than 0 and at most 1 (1, or the profile's)", take_overlap, .field = FIELD(overlap)},
    {0}};
/* clang-format on */
#undef FIELD

static int no_memory(void) {
    return cli_fail(CLI_FAILED, "host memory exhausted");
}

/* ---- numbers between separators ---- */

/* Read up to `max` numbers separated by commas from `bytes` bytes; returns how many, or 0. */
static int read_numbers(double *out, int max, const char *option, const char *text, size_t bytes) {
    int count = 0;
    for (size_t at = 0; at <= bytes; count++) {
        const char *const comma = memchr(text + at, ',', bytes - at);
        const size_t length     = comma ? (size_t)(comma - text) - at : bytes - at;
        char number[64];
        if (count == max || length >= sizeof number) return 0;
        memcpy(number, text + at, length);
        number[length] = 0;
        if (cli_read_number(&out[count], option, number, 0, false) != CLI_OK) return -1;
        at += length + 1;
    }
    return count;
}

/* ---- --costs ---- */

typedef struct cost_list {
    const char *text;
    int count; /* entries read */
    given_costs *out;
    int stages;
} cost_list;

static int read_entry(cost_list *list, const char *text, size_t bytes) {
    double numbers[4];
    const int count = read_numbers(numbers, 4, "--costs", text, bytes);
    if (count < 0) return CLI_USAGE;
    if (count < 3)
        return cli_fail(CLI_USAGE,
                        "--costs is '%.100s'; give F,I,W or F,I,W,recompute for all stages, or for "
                        "each, as in 1,1,1;2,1,1",
                        list->text);
    if (list->count < list->stages) {
        list->out->stages[list->count]    = (sluice_cost){numbers[0], numbers[1], numbers[2]};
        list->out->recompute[list->count] = count == 4 ? numbers[3] : numbers[0];
    }
    list->count++;
    return CLI_OK;
}

/* Entries end with ';' or a new line; the last one need not, and blank ones are skipped. */
static int read_entries(cost_list *list, const char *text) {
    while (*text) {
        const size_t bytes = strcspn(text, ";\r\n");
        if (bytes > 0) CLI_TRY(read_entry(list, text, bytes));
        text += bytes + (text[bytes] != 0);
    }
    if (list->count == 0)
        return cli_fail(CLI_USAGE, "--costs is '%.100s', which lists nothing; give F,I,W",
                        list->text);
    if (list->count == 1)
        for (int s = 1; s < list->stages; s++) {
            list->out->stages[s]    = list->out->stages[0];
            list->out->recompute[s] = list->out->recompute[0];
        }
    if (list->count == 1 || list->count == list->stages) return CLI_OK;
    return cli_fail(CLI_USAGE,
                    "--costs lists %d stages and the schedule has %d; list one for all, "
                    "or each",
                    list->count, list->stages);
}

static int read_costs(given_costs *out, const char *text, int stages) {
    cost_list list = {.text = text, .out = out, .stages = stages};
    char *contents = NULL;
    size_t bytes   = 0;
    if (text[0] != '@') return read_entries(&list, text);
    CLI_TRY(cli_report_or(sluice_file_read(&contents, &bytes, text + 1),
                          "--costs @FILE takes a readable file"));
    const int failed = read_entries(&list, contents);
    sluice_text_free(contents);
    return failed;
}

/* ---- --profile ---- */

static int choose_split(given_costs *out, const cost_choice *choice,
                        const sluice_profile_table *table, int stages) {
    CLI_TRY(cli_read_split(&out->split, choice->split, choice->layout, table->layers,
                           table->layer_count, stages));
    if (out->split) return CLI_OK;
    out->split = malloc(sizeof *out->split);
    if (!out->split) return no_memory();
    return cli_report(sluice_profile_split(out->split, table, stages));
}

int cli_usual_states(void) {
    const sluice_optimizer_kind *const usual = sluice_optimizers()[0];
    return usual->state_count(usual->defaults);
}

static int read_profile(given_costs *out, const cost_choice *choice,
                        const sluice_schedule *schedule) {
    const int stages = sluice_schedule_stages(schedule);
    const sluice_profile_table *table;
    CLI_TRY(cli_report_or(sluice_profile_read(&out->profile, choice->profile),
                          "--profile takes what sluice profile wrote, or PipeDream's text"));
    CLI_TRY(cli_report_or(sluice_profile_find(&table, out->profile, choice->microbatch),
                          "choose one with --microbatch-size"));
    CLI_TRY(choose_split(out, choice, table, stages));
    out->bytes   = calloc((size_t)stages, sizeof *out->bytes);
    out->updates = calloc((size_t)sluice_schedule_ranks(schedule), sizeof *out->updates);
    if (!out->bytes || !out->updates) return no_memory();
    const sluice_profile_costs arrays = {out->stages, out->recompute, out->bytes, out->updates};
    return cli_report(sluice_profile_stages(&arrays, out->profile, table, out->split, schedule,
                                            cli_usual_states()));
}

/* ---- --link ---- */

/* "A-B:" in front of a link's numbers: both ranks, and where the numbers begin. */
static int read_pair(int *from, int *to, const char **rest, const char *text, int ranks) {
    char *end          = NULL;
    const long a       = strtol(text, &end, 10);
    const bool is_pair = end != text && *end == '-';
    const char *second = is_pair ? end + 1 : text;
    const long b       = strtol(second, &end, 10);
    if (!is_pair || end == second || *end != ':' || a < 0 || b < 0 || a >= ranks || b >= ranks ||
        a == b)
        return cli_fail(CLI_USAGE,
                        "--link is '%s'; before ':' give two ranks from 0 to %d, as in 0-1", text,
                        ranks - 1);
    *from = (int)a;
    *to   = (int)b;
    *rest = end + 1;
    return CLI_OK;
}

/* The cost of one pair of ranks, in both directions; or of every link that is not named. */
static int read_link(given_costs *out, const char *text, int ranks) {
    double numbers[2] = {0, 0};
    int from = -1, to = -1;
    const char *rest = text;
    if (strchr(text, ':')) CLI_TRY(read_pair(&from, &to, &rest, text, ranks));
    const int count = read_numbers(numbers, 2, "--link", rest, strlen(rest));
    if (count < 0) return CLI_USAGE;
    if (count == 0 || (count == 2 && numbers[1] == 0))
        return cli_fail(
            CLI_USAGE,
            "--link is '%s'; give latency or latency,bandwidth, the bandwidth more than "
            "0, as in 0.5,2 or 0-1:0.5,2",
            text);
    if (from < 0) {
        out->costs.latency   = numbers[0];
        out->costs.bandwidth = numbers[1];
        return CLI_OK;
    }
    out->links[out->costs.link_count++] = (sluice_link_cost){from, to, numbers[0], numbers[1]};
    out->links[out->costs.link_count++] = (sluice_link_cost){to, from, numbers[0], numbers[1]};
    return CLI_OK;
}

/* The profile's come first: the last one that fits counts. */
static int read_links(given_costs *out, const cost_choice *choice, int ranks) {
    const int known = out->profile ? out->profile->link_count : 0;
    out->links = calloc((size_t)known + 2 * (size_t)choice->links.count + 1, sizeof *out->links);
    if (!out->links) return no_memory();
    for (int l = 0; l < known; l++) out->links[l] = out->profile->links[l];
    out->costs.link_count = known;
    out->costs.latency    = out->profile ? out->profile->latency_s : 0;
    out->costs.bandwidth  = out->profile ? out->profile->bytes_per_s : 0;
    for (int l = 0; l < choice->links.count; l++)
        CLI_TRY(read_link(out, choice->links.text[l], ranks));
    out->costs.links = out->links;
    return CLI_OK;
}

/* ---- all ---- */

static int check_choice(const cost_choice *choice) {
    if (choice->costs && choice->profile)
        return cli_fail(CLI_USAGE,
                        "--costs and --profile both say what stages cost; name one of them");
    CLI_TRY(cli_check_split(choice->split, choice->layout));
    if ((choice->split || choice->layout) && !choice->profile)
        return cli_fail(CLI_USAGE, "--%s divides a profile's layers; name one with --profile",
                        choice->split ? "split" : "layout");
    if (choice->microbatch && !choice->profile)
        return cli_fail(CLI_USAGE,
                        "--microbatch-size chooses a table of a profile; name one with --profile");
    return CLI_OK;
}

int given_costs_read(given_costs *out, const cost_choice *choice, const sluice_schedule *schedule) {
    const int stages = sluice_schedule_stages(schedule), ranks = sluice_schedule_ranks(schedule);
    CLI_TRY(check_choice(choice));
    out->stages     = calloc((size_t)stages, sizeof *out->stages);
    out->recompute  = calloc((size_t)stages, sizeof *out->recompute);
    out->recomputes = calloc((size_t)stages, sizeof *out->recomputes);
    if (!out->stages || !out->recompute || !out->recomputes) return no_memory();
    if (choice->profile)
        CLI_TRY(read_profile(out, choice, schedule));
    else
        CLI_TRY(read_costs(out, choice->costs ? choice->costs : "1,1,1", stages));
    CLI_TRY(cli_read_recompute(out->recomputes, choice->recompute, stages));
    CLI_TRY(read_links(out, choice, ranks));
    out->given = choice->profile || choice->costs || choice->links.count > 0 || choice->overlap > 0;
    out->costs.stages    = out->stages;
    out->costs.recompute = out->recompute;
    out->costs.overlap   = choice->overlap > 0 ? choice->overlap
                           : out->profile      ? out->profile->overlap
                                               : 0;
    out->costs.updates   = choice->update ? NULL : out->updates;
    if (!choice->update) return CLI_OK;
    return cli_read_number(&out->costs.update, "--update", choice->update, 0, false);
}

void given_costs_free(given_costs *costs) {
    free(costs->stages);
    free(costs->recompute);
    free(costs->recomputes);
    free(costs->updates);
    free(costs->links);
    free(costs->bytes);
    free(costs->split);
    sluice_profile_free(costs->profile);
    json_decref(costs->warnings);
}
