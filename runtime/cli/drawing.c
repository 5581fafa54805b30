/* SPDX-License-Identifier: MIT */
/* drawing.c -- time lines written to files, in the format that the suffix says. */
#include <stdio.h>

#include "drawing.h"

static int check_suffix(const char *option, const char *path, bool traces) {
    if (cli_ends_in(path, ".svg") || (traces && cli_ends_in(path, ".json"))) return CLI_OK;
    return cli_fail(CLI_USAGE, "%s is '%s'; name a file that ends in %s", option, path,
                    traces ? ".json (a trace for Perfetto) or .svg (a picture)" : ".svg");
}

typedef struct drawn {
    const sluice_timeline *const *timelines;
    int count;
} drawn;

static sluice_status trace(sluice_take_text *take, void *to, const void *what) {
    const drawn *const it = what;
    return sluice_timeline_trace(take, to, it->timelines, it->count);
}

int cli_write_drawing(const char *path, const sluice_timeline *const *timelines, int count) {
    const drawn all = {timelines, count};
    if (cli_ends_in(path, ".json")) return cli_write_file(path, trace, &all);
    char *picture = NULL;
    CLI_TRY(cli_report(sluice_timeline_svg(&picture, timelines, count, 0)));
    const int failed = cli_write_text(path, picture);
    sluice_text_free(picture);
    return failed;
}

int cli_take_picture(void *field, const cli_option *option, const char *name, const char *text) {
    CLI_TRY(check_suffix(name, text, false));
    return cli_take_text(field, option, name, text);
}

int cli_take_drawing(void *field, const cli_option *option, const char *name, const char *text) {
    CLI_TRY(check_suffix(name, text, true));
    return cli_take_text(field, option, name, text);
}

#define FIELD(member) offsetof(drawing_choice, member)
/* clang-format off */
const cli_option drawing_options[] = {
    {"columns", 0, CLI_SCHEDULE | CLI_SIMULATE, "N", "Width (the terminal's, or 120)", cli_take_int, .field = FIELD(columns), .min = 40, .max = 1000},
    {"svg", 0, CLI_SCHEDULE | CLI_SIMULATE, "FILE.svg", "Write the time line as a picture, too", cli_take_picture, .field = FIELD(svg)},
    {"trace", 0, CLI_SCHEDULE | CLI_SIMULATE, "FILE.json", "Write it as a trace for Perfetto or chrome://tracing, too", cli_take_drawing, .field = FIELD(trace)},
    {0}};
/* clang-format on */
#undef FIELD

int drawing_columns(const drawing_choice *choice) {
    return choice->columns ? choice->columns : cli_columns(120);
}

int drawing_check(const drawing_choice *choice) {
    if (choice->svg) CLI_TRY(cli_check_writable(choice->svg));
    return choice->trace ? cli_check_writable(choice->trace) : CLI_OK;
}

int drawing_write(const drawing_choice *choice, const sluice_program *program,
                  const sluice_simulation *simulation, const char *schedule, const char *unit) {
    sluice_timeline *timeline = NULL;
    if (!choice->svg && !choice->trace) return CLI_OK;
    CLI_TRY(cli_report(sluice_timeline_from_simulation(&timeline, program, simulation)));
    if (unit) snprintf(timeline->unit, sizeof timeline->unit, "%s", unit);
    snprintf(timeline->title, sizeof timeline->title, "%s: %d ranks, %d stages, %d micro-batches",
             cli_last_of(schedule), timeline->ranks, timeline->stages, timeline->microbatches);
    const sluice_timeline *const one = timeline;
    int failed                       = CLI_OK;
    if (choice->svg) failed = cli_write_drawing(choice->svg, &one, 1);
    if (choice->trace && !failed) failed = cli_write_drawing(choice->trace, &one, 1);
    sluice_timeline_free(timeline);
    return failed;
}
