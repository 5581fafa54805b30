/* SPDX-License-Identifier: MIT */
/* command_run.h -- runs of `sluice train` that a test kills, or whose files fail. */
#ifndef SLUICE_TESTS_COMMAND_RUN_H
#define SLUICE_TESTS_COMMAND_RUN_H

#include <sys/types.h>

#include "tests/support/files.h"

enum { COMMAND_ARGUMENTS = 48 };

/* A command line, and what its process is started with. */
typedef struct command_line {
    const char *arguments[COMMAND_ARGUMENTS]; /* ended by NULL; the first is the program */
    const char *preload;                      /* a library; NULL: none */
    const char *variables[4][2];              /* names and values; unused ones are NULL */
    const char *output, *errors;              /* files */
} command_line;

/* How the process ended. */
typedef struct command_end {
    int status; /* of its exit; or minus the signal that ended it */
    char output[4096], errors[4096];
} command_end;

void command_add(command_line *line, const char *argument);
pid_t command_start(const command_line *line);
command_end command_wait(pid_t process, const command_line *line);
command_end command_run(const command_line *line);

/* Shell commands that must succeed. */
void command_shell(const char *format, ...) SLUICE_PRINTF(1, 2);

#endif
