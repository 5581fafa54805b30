/* SPDX-License-Identifier: MIT */
/* schedule_tools.h -- what `sluice check` and `sluice simulate` share; and, of `sluice split`, too,
 * objects for scripts. */
#ifndef SLUICE_CLI_SCHEDULE_TOOLS_H
#define SLUICE_CLI_SCHEDULE_TOOLS_H

#include <jansson.h>

#include "command_line.h"

/* ---- schedule_options.c: which schedule, over which queues ---- */

typedef struct tool_choice {
    cli_schedule_choice schedule;
    const char *transport; /* as it was given */
    bool json;             /* print an object for scripts */
} tool_choice;

/* Options of a tool_choice, except for the schedule's: --transport and --json. */
extern const cli_option tool_options[];

sluice_queues tool_queues(const tool_choice *choice);
/* "a queue per stage boundary". */
const char *tool_queues_text(const tool_choice *choice);

/* ---- schedule_tools_json.c: objects for scripts ---- */

/* Add to `object`; `*good` becomes false if that fails, or if either is NULL. Takes over `value`.
 */
void json_add(json_t *object, bool *good, const char *key, json_t *value);
/* The same at the end of a list. */
void json_append(json_t *list, bool *good, json_t *value);
/* An object with the schedule's name and numbers, and the transport. NULL: no memory. */
json_t *json_of_program(const sluice_program *program, const tool_choice *choice);
/* Print `object` (NULL: no memory) as a line or more, and release it. */
int json_print(json_t *object, bool good);

#endif
