/* SPDX-License-Identifier: MIT */
/* schedule_source.c -- a schedule from what the command line names: a generator or a CSV file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

bool cli_is_file(const char *argument) {
    const size_t length = strlen(argument);
    return strchr(argument, '/') || (length > 4 && strcmp(argument + length - 4, ".csv") == 0);
}

/* The whole of a file; free it. */
static int read_file(char **out, size_t *bytes, const char *path) {
    FILE *const file = fopen(path, "rb");
    if (!file)
        return cli_fail(CLI_FAILED,
                        "schedule '%s' cannot be opened: %s; give a readable file, or a "
                        "name without '/'",
                        path, strerror(errno));
    char *text    = NULL;
    size_t length = 0, capacity = 0;
    do {
        capacity         = capacity ? 2 * capacity : 1 << 16;
        char *const more = realloc(text, capacity);
        if (!more) break;
        text = more;
        length += fread(text + length, 1, capacity - length, file);
    } while (length == capacity);
    const bool whole = text && length < capacity && !ferror(file);
    fclose(file);
    if (!whole) {
        free(text);
        return cli_fail(CLI_FAILED, "schedule '%s' cannot be read", path);
    }
    *out   = text;
    *bytes = length;
    return CLI_OK;
}

static int parse_file(sluice_schedule **out, const char *path) {
    char *text   = NULL;
    size_t bytes = 0;
    CLI_TRY(read_file(&text, &bytes, path));
    const sluice_status status = sluice_schedule_parse(out, text, bytes);
    free(text);
    if (status == SLUICE_OK) return CLI_OK;
    return cli_fail(CLI_FAILED, "%s: %s", path, sluice_last_error()->what);
}

/* What was named beside a file must be what the file says. */
static int check_named(const sluice_schedule *schedule, const char *path, int ranks,
                       int microbatches) {
    const int p = sluice_schedule_ranks(schedule), m = sluice_schedule_microbatches(schedule);
    if (ranks != 0 && ranks != p)
        return cli_fail(CLI_USAGE, "%s has %d ranks and %d are named; leave the number out", path,
                        p, ranks);
    if (microbatches != 0 && microbatches != m)
        return cli_fail(CLI_USAGE, "%s has %d micro-batches and %d are named; leave the number out",
                        path, m, microbatches);
    return CLI_OK;
}

enum { MOST_ACTIONS = 1 << 22 }; /* beyond it a typing error is likelier than a schedule */

int cli_load_schedule(sluice_schedule **out, const char *argument, int ranks, int microbatches) {
    if (!cli_is_file(argument)) {
        if ((int64_t)ranks * microbatches > MOST_ACTIONS)
            return cli_fail(CLI_USAGE, "%d ranks x %d micro-batches are more than %d; name fewer",
                            ranks, microbatches, MOST_ACTIONS);
        sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
        options.ranks                   = ranks;
        options.microbatches            = microbatches;
        return cli_check(sluice_schedule_generate(out, argument, &options));
    }
    sluice_schedule *schedule = NULL;
    CLI_TRY(parse_file(&schedule, argument));
    const int refused = check_named(schedule, argument, ranks, microbatches);
    if (refused)
        sluice_schedule_free(schedule);
    else
        *out = schedule;
    return refused;
}
