/* SPDX-License-Identifier: MIT */
/* cli.h -- what all subcommands use: errors, numbers, the terminal, schedules, drawings. */
#ifndef SLUICE_CLI_CLI_H
#define SLUICE_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/sluice.h"

/* The command's exit status. A function that can fail returns one, and has then printed the error.
 * CLI_SIGNAL and the signal's number: it was stopped by that. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_SIGNAL = 128 };

/* Leave the function with any exit status that is not CLI_OK. */
#define CLI_TRY(call)                                                                              \
    do {                                                                                           \
        const int try_exit_ = (call);                                                              \
        if (try_exit_ != CLI_OK) return try_exit_;                                                 \
    } while (0)

/* ---- failures (terminal.c) ---- */

/* Say "sluice: ..." on standard error; returns `exit_status`. */
int cli_fail(int exit_status, const char *format, ...) SLUICE_PRINTF(2, 3);
/* Say "sluice: warning: ..." on standard error, and add the sentence to `*list`, which is made if
 * it is NULL: release it with json_decref(). */
int cli_warn(json_t **list, const char *format, ...) SLUICE_PRINTF(2, 3);
/* CLI_OK for OK; else print the library's error: CLI_USAGE for E_ARGUMENT, else CLI_FAILED.
 */
int cli_report(sluice_status status);
/* The same, with `hint` if the library has none. */
int cli_report_or(sluice_status status, const char *hint);
/* Print the library's error as one of the file or schedule `name`; returns CLI_FAILED. */
int cli_report_of(const char *name);

/* ---- the terminal (terminal.c) ---- */

/* Columns of standard output; `otherwise` if it is not a terminal. */
int cli_columns(int otherwise);
/* Whether standard output is a terminal with colour (not with NO_COLOR or TERM=dumb). */
bool cli_colour(void);
/* Cores that this process may use. */
int cli_cores(void);
/* Ranks, if no number is given. */
int cli_usual_ranks(void);

/* ---- numbers (numbers.c): `option` is named in the error about `text` ---- */

int cli_read_count(int64_t *out, const char *option, const char *text, int64_t min, int64_t max);
int cli_read_int(int *out, const char *option, const char *text, int min, int max);
/* A finite number; at least `min`, or more than it if `above`. */
int cli_read_number(double *out, const char *option, const char *text, double min, bool above);

/* ---- files (file.c) ---- */

/* Whether `name` has something in front of `ending`. */
bool cli_ends_in(const char *name, const char *ending);
/* What follows the last '/' of a path. */
const char *cli_last_of(const char *path);
/* Open a file for writing without waiting for anybody: a FIFO must have a reader. NULL: errno says
 * why, and cli_output_reason() what that means. */
FILE *cli_open_output(const char *path, bool append);
const char *cli_output_reason(void);
/* Refuse a file that cannot be written, before the work is done; the file stays as before. */
int cli_check_writable(const char *path);
/* Give the text of `what` to `take`, piece by piece. */
typedef sluice_status cli_content(sluice_take_text *take, void *to, const void *what);
/* Write a file anew: all of it or, after a failure or a signal, nothing. */
int cli_write_file(const char *path, cli_content *content, const void *what);
int cli_write_text(const char *path, const char *text);

/* ---- recomputation (recompute.c) and words for numbers (numbers.c) ---- */

/* Which of `stages` stages recompute: `text` is none, full, or stages, as in 0,2; NULL: none. */
int cli_read_recompute(bool *out, const char *text, int stages);

typedef struct cli_words {
    char text[24];
} cli_words;
cli_words cli_bytes(size_t bytes);    /* "34.1 MiB" */
cli_words cli_quantity(double value); /* "1.21 M" */

/* ---- schedules (schedule_source.c, print_timeline.c) ---- */

/* Which schedule. A number of 0 was not given: the schedule has a default, or a file says it. */
typedef struct cli_schedule_choice {
    const char *name; /* of a schedule, or a CSV file if it has a '/' or ends in ".csv" */
    const char *csv;  /* the schedule itself, as text; `name` is then for errors */
    int ranks, chunks, stages, microbatches, group;
    double slack;
    int extra_warmup;
} cli_schedule_choice;

bool cli_is_file(const char *name);
/* Whether its lists are given, in a file or as text. */
bool cli_has_lists(const cli_schedule_choice *choice);
/* Set ranks and chunks of a schedule by name from those of ranks, chunks and stages that are given;
 * `ranks` is the default. A file's are left unchanged. */
int cli_settle_ranks(cli_schedule_choice *choice, int ranks);
/* Load the schedule; numbers given with a file or text must be those in it. */
int cli_load_schedule(sluice_schedule **out, const cli_schedule_choice *choice);
/* Load the schedule that the options name; `command` is for the error if they name none. */
int cli_choose_schedule(sluice_schedule **out, cli_schedule_choice *choice, const char *command);
/* Refuse schedules that are too large: a program takes far more memory than its schedule. */
int cli_check_size(const sluice_schedule *schedule);
/* Print a line for each schedule: its name and its summary. */
void cli_list_schedules(void);

/* ---- drawings (drawing.c): .svg is a picture, .json a trace ---- */

/* Write time lines into one picture or trace, by the suffix of `path`. */
int cli_write_drawing(const char *path, const sluice_timeline *const *timelines, int count);

int cli_print_timeline(const sluice_program *program, const sluice_simulation *simulation,
                       int columns);

#endif
