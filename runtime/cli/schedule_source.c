/* SPDX-License-Identifier: MIT */
/* schedule_source.c -- loading the schedule of the command line: a generator, or lists as CSV. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

bool cli_is_file(const char *name) {
    return strchr(name, '/') || cli_ends_in(name, ".csv");
}

bool cli_has_lists(const cli_schedule_choice *choice) {
    return choice->csv || cli_is_file(choice->name);
}

static int parse_text(sluice_schedule **out, const char *text, size_t bytes, const char *name) {
    return sluice_schedule_parse(out, text, bytes) == SLUICE_OK ? CLI_OK : cli_report_of(name);
}

static int parse_file(sluice_schedule **out, const char *path) {
    char *text   = NULL;
    size_t bytes = 0;
    CLI_TRY(cli_report_or(sluice_file_read(&text, &bytes, path),
                          "a schedule is a readable file, or a name without '/'"));
    const int failed = parse_text(out, text, bytes, path);
    sluice_text_free(text);
    return failed;
}

/* ---- numbers that are given must be the file's ---- */

static int check_number(const char *path, const char *what, int has, int named) {
    if (named == 0 || named == has) return CLI_OK;
    return cli_fail(CLI_USAGE, "%s has %d %s and %d are named; leave the number out", path, has,
                    what, named);
}

static int check_named(const sluice_schedule *schedule, const cli_schedule_choice *choice) {
    const int p = sluice_schedule_ranks(schedule), stages = sluice_schedule_stages(schedule);
    CLI_TRY(check_number(choice->name, "ranks", p, choice->ranks));
    CLI_TRY(check_number(choice->name, "stages", stages, choice->stages));
    CLI_TRY(check_number(choice->name, "micro-batches", sluice_schedule_microbatches(schedule),
                         choice->microbatches));
    if (choice->chunks != 0 && stages != p * choice->chunks)
        return cli_fail(CLI_USAGE,
                        "%s has %d stages on %d ranks and %d per rank are named; leave the number "
                        "out",
                        choice->name, stages, p, choice->chunks);
    if (choice->slack != 0 || choice->group != 0 || choice->extra_warmup != 0)
        return cli_fail(CLI_USAGE,
                        "--slack, --group and --extra-warmup shape a schedule by name, and %s is a "
                        "file; leave them out",
                        choice->name);
    return CLI_OK;
}

static int load_lists(sluice_schedule **out, const cli_schedule_choice *choice) {
    sluice_schedule *schedule = NULL;
    CLI_TRY(choice->csv ? parse_text(&schedule, choice->csv, strlen(choice->csv), choice->name)
                        : parse_file(&schedule, choice->name));
    const int refused = check_named(schedule, choice);
    if (refused)
        sluice_schedule_free(schedule);
    else
        *out = schedule;
    return refused;
}

/* ---- by name ---- */

enum { MAX_ACTIONS = 1 << 24 }; /* beyond it a typing error is more likely than a schedule */

static int generate(sluice_schedule **out, const cli_schedule_choice *choice) {
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    const int64_t chunks            = choice->chunks ? choice->chunks : 1;
    if (choice->ranks * chunks * choice->microbatches > MAX_ACTIONS)
        return cli_fail(CLI_USAGE,
                        "%d ranks x %d micro-batches x %lld chunks are more than %d; name fewer",
                        choice->ranks, choice->microbatches, (long long)chunks, MAX_ACTIONS);
    options.ranks        = choice->ranks;
    options.chunks       = choice->chunks;
    options.microbatches = choice->microbatches;
    options.group        = choice->group;
    options.slack        = choice->slack;
    options.extra_warmup = choice->extra_warmup;
    return cli_report(sluice_schedule_generate(out, choice->name, &options));
}

int cli_load_schedule(sluice_schedule **out, const cli_schedule_choice *choice) {
    return cli_has_lists(choice) ? load_lists(out, choice) : generate(out, choice);
}

int cli_settle_ranks(cli_schedule_choice *choice, int ranks) {
    sluice_schedule_description about;
    if (cli_has_lists(choice)) return CLI_OK;
    CLI_TRY(cli_report(sluice_schedule_describe(&about, choice->name)));
    int *const p = &choice->ranks, *const v = &choice->chunks;
    const int k = choice->stages;
    if (k && *p && k % *p != 0)
        return cli_fail(CLI_USAGE,
                        "--stages %d is not a multiple of --ranks %d, and every rank has the same "
                        "number of stages; name one of them",
                        k, *p);
    if (k && *p && *v && k / *p != *v)
        return cli_fail(CLI_USAGE, "--ranks %d x --chunks %d are not --stages %d; name two of them",
                        *p, *v, k);
    if (k && *p && !*v) *v = k / *p;
    if (!*v) *v = about.chunks;
    if (k && !*p && k % *v != 0)
        return cli_fail(CLI_USAGE,
                        "%d stages do not divide into the %d per rank of %s; name --ranks", k, *v,
                        choice->name);
    if (!*p) *p = k ? k / *v : ranks;
    return CLI_OK;
}

void cli_list_schedules(void) {
    const char *const *const names = sluice_schedule_names();
    for (int n = 0; names[n]; n++) {
        sluice_schedule_description about;
        if (sluice_schedule_describe(&about, names[n]) == SLUICE_OK)
            printf("%-13s %s\n", about.name, about.summary);
    }
}
