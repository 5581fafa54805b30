/* SPDX-License-Identifier: MIT */
/* cli.h -- what every subcommand uses: how it fails, how it reads numbers, how wide it may be. */
#ifndef SLUICE_CLI_CLI_H
#define SLUICE_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/sluice.h"

/* What the command exits with. Functions that can fail return one; what failed is then said. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130 };

/* Leave the function with any exit status that is not CLI_OK. */
#define CLI_TRY(call)                                                                              \
    do {                                                                                           \
        const int try_exit_ = (call);                                                              \
        if (try_exit_ != CLI_OK) return try_exit_;                                                 \
    } while (0)

/* ---- failures (terminal.c) ---- */

/* Say "sluice: ..." on standard error; returns `exit_status`. */
int cli_fail(int exit_status, const char *format, ...) SLUICE_PRINTF(2, 3);
/* CLI_OK for OK; else report the library's own sentence: CLI_USAGE for an argument, else
 * CLI_FAILED.
 */
int cli_report(sluice_status status);
/* The same; `hint` is said where the library has none. */
int cli_report_or(sluice_status status, const char *hint);

/* ---- the terminal (terminal.c) ---- */

/* Columns of standard output, `otherwise` where it is no terminal. */
int cli_columns(int otherwise);
/* Whether standard output is a terminal that wants colour (NO_COLOR, TERM=dumb: it does not). */
bool cli_colour(void);
/* Cores that this process may use. */
int cli_cores(void);

/* ---- numbers (numbers.c): `option` is named in the sentence that refuses `text` ---- */

int cli_read_count(int64_t *out, const char *option, const char *text, int64_t min, int64_t max);
int cli_read_int(int *out, const char *option, const char *text, int min, int max);
/* A finite number; at least `min`, or more than it if `above`. */
int cli_read_number(double *out, const char *option, const char *text, double min, bool above);

/* The whole of a file, with a zero behind it (file.c); free it. False: errno says why. */
bool cli_read_file(char **out, size_t *bytes, const char *path);

/* Which of `stages` stages recompute: `text` is none, full, or stages, as in 0,2; NULL: none. */
int cli_read_recompute(bool *out, const char *text, int stages);

typedef struct cli_words {
    char text[24];
} cli_words;
cli_words cli_bytes(size_t bytes);    /* "34.1 MiB" */
cli_words cli_quantity(double value); /* "1.21 M" */

/* ---- schedules (schedule_source.c, print_timeline.c) ---- */

/* Which schedule. A number of 0 was not named: the schedule has its own, or a file brings it. */
typedef struct cli_schedule_choice {
    const char *name; /* of a schedule; a CSV file if it has a '/' or ends in ".csv" */
    int ranks, chunks, stages, microbatches, group;
    double slack;
} cli_schedule_choice;

bool cli_is_file(const char *name);
/* Of a schedule by name: ranks and chunks from whichever of ranks, chunks and stages are named;
 * `ranks` where neither ranks nor stages are. A file's are left alone. */
int cli_settle_ranks(cli_schedule_choice *choice, int ranks);
/* The schedule that is meant; what was named beside a file must be what the file says. */
int cli_load_schedule(sluice_schedule **out, const cli_schedule_choice *choice);
/* Load what was chosen by options; `command` is named in the sentence that misses a name. */
int cli_choose_schedule(sluice_schedule **out, cli_schedule_choice *choice, const char *command);
/* A program takes far more memory than the schedule it is made of. */
int cli_check_size(const sluice_schedule *schedule);
/* A line for each schedule there is: its name, and its summary. */
void cli_list_schedules(void);

/* ---- drawings (drawing.c): .svg is a picture, .json a trace ---- */

/* Refuse another ending than .svg, or .json where traces are meant too. */
int cli_check_drawing(const char *option, const char *path, bool traces);
/* Refuse a file that cannot be written, before it is costly; the file is as before. */
int cli_check_writable(const char *path);
/* Time lines in one picture or trace, as the ending of `path` says. */
int cli_write_drawing(const char *path, const sluice_timeline *const *timelines, int count);

/* Simulate and print the time line. Release `*out` with sluice_simulation_free(). */
int cli_print_timeline(sluice_simulation **out, const sluice_program *program,
                       const sluice_simulation_costs *costs, int columns);

#endif
