/* SPDX-License-Identifier: MIT */
/* drawing.h -- the options --svg and --trace of the commands that simulate a schedule. */
#ifndef SLUICE_CLI_DRAWING_H
#define SLUICE_CLI_DRAWING_H

#include <argp.h>

#include "cli.h"

typedef struct drawing_files {
    const char *svg, *trace; /* NULL: not named */
} drawing_files;

/* An argp child whose input is a drawing_files. */
extern const struct argp drawing_parser;
/* Refuse files that cannot be written, before anything is done. */
int drawing_check(const drawing_files *files);
/* Write those that were named. `schedule` is the argument that named it; `unit` of its times, NULL:
 * units of cost. */
int drawing_write(const drawing_files *files, const sluice_program *program,
                  const sluice_simulation *simulation, const char *schedule, const char *unit);

#endif
