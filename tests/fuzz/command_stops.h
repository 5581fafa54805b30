/* SPDX-License-Identifier: MIT */
/* command_stops.h -- the command up to where it would run: what it says is kept, and what would
 * compute, write or end the process is replaced by the linker. */
#ifndef SLUICE_TESTS_FUZZ_COMMAND_STOPS_H
#define SLUICE_TESTS_FUZZ_COMMAND_STOPS_H

#include <stdbool.h>

typedef struct fuzz_command {
    char said[1 << 14]; /* on standard error */
    int length;
    bool would_run; /* all settings are accepted */
    bool helped;    /* --help, --usage or --version is given */
} fuzz_command;

/* Run a command line; returns the exit status. No file but those in memory is there. */
int fuzz_run_command(fuzz_command *out, int argc, char **argv);

#endif
