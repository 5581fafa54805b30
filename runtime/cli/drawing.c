/* SPDX-License-Identifier: MIT */
/* drawing.c -- time lines written to files: the format by suffix, and whether the file can be
 * written.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "drawing.h"

static bool ends_in(const char *path, const char *ending) {
    const size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcmp(path + length - tail, ending) == 0;
}

int cli_check_drawing(const char *option, const char *path, bool traces) {
    if (ends_in(path, ".svg") || (traces && ends_in(path, ".json"))) return CLI_OK;
    return cli_fail(CLI_USAGE, "%s is '%s'; name a file that ends in %s", option, path,
                    traces ? ".json (a trace for Perfetto) or .svg (a picture)" : ".svg");
}

static int cannot_write(const char *path) {
    return cli_fail(CLI_FAILED, "'%s' cannot be written: %s; name another file", path,
                    strerror(errno));
}

/* Permissions are not enough to know: open the file, and leave everything as it was. */
int cli_check_writable(const char *path) {
    const bool is_new = access(path, F_OK) != 0;
    FILE *const file  = fopen(path, "a");
    if (!file) return cannot_write(path);
    fclose(file);
    if (is_new) unlink(path);
    return CLI_OK;
}

static sluice_status take_text(void *context, const char *text, size_t bytes) {
    FILE *const file = context;
    if (fwrite(text, 1, bytes, file) == bytes) return SLUICE_OK;
    return sluice_fail(SLUICE_E_IO, "the drawing cannot be written: %s", strerror(errno));
}

/* `picture` is the text of one; NULL: a trace is written. */
static int write_all(const char *path, const char *picture, const sluice_timeline *const *timelines,
                     int count) {
    FILE *const file = fopen(path, "w");
    if (!file) return cannot_write(path);
    const sluice_status status = picture ? take_text(file, picture, strlen(picture))
                                         : sluice_timeline_trace(take_text, file, timelines, count);
    const bool closed          = fclose(file) == 0;
    if (status == SLUICE_OK && closed) return CLI_OK;
    const int failed = status == SLUICE_OK ? cannot_write(path) : cli_report(status);
    unlink(path); /* remove half a drawing */
    return failed;
}

int cli_write_drawing(const char *path, const sluice_timeline *const *timelines, int count) {
    if (ends_in(path, ".json")) return write_all(path, NULL, timelines, count);
    char *picture = NULL;
    CLI_TRY(cli_report(sluice_timeline_svg(&picture, timelines, count, 0)));
    const int failed = write_all(path, picture, timelines, count);
    sluice_text_free(picture);
    return failed;
}

/* ---- of a simulation ---- */

static int take_picture(void *field, const cli_option *option, const char *name, const char *text) {
    CLI_TRY(cli_check_drawing(name, text, false));
    return cli_take_text(field, option, name, text);
}

int cli_take_drawing(void *field, const cli_option *option, const char *name, const char *text) {
    CLI_TRY(cli_check_drawing(name, text, true));
    return cli_take_text(field, option, name, text);
}

#define FIELD(member) offsetof(drawing_choice, member)
/* clang-format off */
const cli_option drawing_options[] = {
    {"columns", 0, CLI_SCHEDULE | CLI_SIMULATE, "N", "Width (the terminal's, or 120)", cli_take_int, .field = FIELD(columns), .min = 40, .max = 1000},
    {"svg", 0, CLI_SCHEDULE | CLI_SIMULATE, "FILE.svg", "Write the time line as a picture, too", take_picture, .field = FIELD(svg)},
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
    const char *const folder  = strrchr(schedule, '/');
    sluice_timeline *timeline = NULL;
    if (!choice->svg && !choice->trace) return CLI_OK;
    CLI_TRY(cli_report(sluice_timeline_from_simulation(&timeline, program, simulation)));
    if (unit) snprintf(timeline->unit, sizeof timeline->unit, "%s", unit);
    snprintf(timeline->title, sizeof timeline->title, "%s: %d ranks, %d stages, %d micro-batches",
             folder ? folder + 1 : schedule, timeline->ranks, timeline->stages,
             timeline->microbatches);
    const sluice_timeline *const one = timeline;
    int failed                       = CLI_OK;
    if (choice->svg) failed = cli_write_drawing(choice->svg, &one, 1);
    if (choice->trace && !failed) failed = cli_write_drawing(choice->trace, &one, 1);
    sluice_timeline_free(timeline);
    return failed;
}
