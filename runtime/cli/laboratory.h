/* SPDX-License-Identifier: MIT */
/* laboratory.h -- what `sluice check` and `sluice simulate` share. */
#ifndef SLUICE_CLI_LABORATORY_H
#define SLUICE_CLI_LABORATORY_H

#include <jansson.h>

#include "cli.h"

/* ---- schedule_options.c: which schedule, over which queues ---- */

typedef struct laboratory_choice {
    cli_schedule_choice schedule;
    sluice_queues queues;
    const char *transport; /* as it was named */
} laboratory_choice;

/* An argp child whose input is a laboratory_choice: --transport. */
extern const struct argp laboratory_transport_parser;

/* "a queue per directed link (local)". */
const char *laboratory_queues(const laboratory_choice *choice);

/* ---- laboratory_json.c: objects for scripts ---- */

/* Add to `object`, if `*good`, and say whether that went well. A key takes over a NULL value too.
 */
void json_add(json_t *object, bool *good, const char *key, json_t *value);
/* What a schedule is: its name and numbers, and the transport. NULL: no memory. */
json_t *json_of_schedule(const sluice_schedule *schedule, const laboratory_choice *choice);
/* Print `object` (NULL: no memory) as a line or more, and release it. */
int json_print(json_t *object, bool good);

#endif
