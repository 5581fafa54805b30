/* SPDX-License-Identifier: MIT */
/* schedule_tools_json.c -- objects that commands print for scripts. */
#include <stdio.h>
#include <stdlib.h>

#include "schedule_tools.h"

void json_add(json_t *object, bool *good, const char *key, json_t *value) {
    /* This function of jansson takes over the value, accepts NULL, and returns the failure. */
    *good = json_object_set_new(object, key, value) == 0 && *good;
}

void json_append(json_t *list, bool *good, json_t *value) {
    *good = json_array_append_new(list, value) == 0 && *good; /* takes over the value, too */
}

json_t *json_of_program(const sluice_program *program, const tool_choice *choice) {
    json_t *const object = json_object();
    bool good            = object != NULL;
    json_add(object, &good, "schedule", json_string(choice->schedule.name));
    json_add(object, &good, "ranks", json_integer(sluice_program_ranks(program)));
    json_add(object, &good, "stages", json_integer(sluice_program_stages(program)));
    json_add(object, &good, "microbatches", json_integer(sluice_program_microbatches(program)));
    json_add(object, &good, "transport", json_string(choice->transport));
    if (good) return object;
    json_decref(object);
    return NULL;
}

int json_print(json_t *object, bool good) {
    char *const text =
        object && good ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(object);
    if (!text) return cli_fail(CLI_FAILED, "host memory exhausted");
    puts(text);
    free(text);
    return CLI_OK;
}
