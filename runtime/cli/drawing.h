/* SPDX-License-Identifier: MIT */
/* drawing.h -- the time line of commands that simulate a schedule. */
#ifndef SLUICE_CLI_DRAWING_H
#define SLUICE_CLI_DRAWING_H

#include "command_line.h"

typedef struct drawing_choice {
    const char *svg, *trace; /* NULL: not named */
    int columns;             /* 0: not named */
} drawing_choice;

/* Options of a drawing_choice. */
extern const cli_option drawing_options[];
/* Columns of the time line in text. */
int drawing_columns(const drawing_choice *choice);
cli_reader cli_take_picture; /* const char *: a file with the suffix of a picture */
cli_reader cli_take_drawing; /* const char *: of a picture or a trace */
/* Refuse files that cannot be written, before the work. */
int drawing_check(const drawing_choice *choice);
/* Write the files that were given. `schedule` is the command's argument; `unit` that of its times,
 * NULL: units of cost. */
int drawing_write(const drawing_choice *choice, const sluice_program *program,
                  const sluice_simulation *simulation, const char *schedule, const char *unit);

#endif
