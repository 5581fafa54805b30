/* SPDX-License-Identifier: MIT */
/* drawing.h -- how the commands that simulate a schedule show its time line. */
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
/* A const char *: a file that ends as a picture or a trace does. */
cli_reader cli_take_drawing;
/* Refuse files that cannot be written, before anything is done. */
int drawing_check(const drawing_choice *choice);
/* Write those that were named. `schedule` is the argument that named it; `unit` of its times, NULL:
 * units of cost. */
int drawing_write(const drawing_choice *choice, const sluice_program *program,
                  const sluice_simulation *simulation, const char *schedule, const char *unit);

#endif
