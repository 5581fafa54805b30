/* SPDX-License-Identifier: MIT */
/* ends.h -- how the command begins and ends: standard output that cannot be written, and
 * signals. */
#ifndef SLUICE_CLI_ENDS_H
#define SLUICE_CLI_ENDS_H

#include <stdbool.h>

/* ---- standard streams (standard_streams.c) ---- */

/* Open those that are closed, and check from here on every write to standard output: one that fails
 * is said on standard error, and the process ends there with CLI_FAILED. */
void cli_open_streams(void);
/* From here on a write that fails is said, and remembered. */
void cli_keep_on_without_output(void);
bool cli_has_lost_output(void);
/* Write what is still kept; returns `exit_status`, or CLI_FAILED if that was CLI_OK and output is
 * lost. */
int cli_close_streams(int exit_status);

/* ---- signals: Ctrl-C, SIGTERM, SIGHUP (signals.c) ---- */

/* From here on each ends the process at once with 128 + its number, except those that were ignored
 * when the process began. */
void cli_watch_signals(void);
/* From here on the first one says `sentence` and is remembered; a second one ends the process. */
void cli_hold_signals(const char *sentence);
/* The number of the one that is remembered; 0: none. */
int cli_seen_signal(void);
/* A file that a signal removes if it ends the process; NULL: none. */
void cli_remove_on_signal(const char *path);

#endif
