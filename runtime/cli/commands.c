/* SPDX-License-Identifier: MIT */
/* commands.c -- the subcommands as a list, and how one is found. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "cli.h"

#define X(name, arguments, summary, details)                                                       \
    {#name, arguments, summary, details, command_##name, &command_##name##_line},
const cli_command cli_commands[] = {CLI_COMMAND_MAP(X){0}};
#undef X

int cli_find_command(const cli_command **out, const char *name) {
    char names[256] = "";
    for (const cli_command *command = cli_commands; command->name; command++) {
        const size_t length = strlen(names);
        if (strcmp(name, command->name) == 0) {
            *out = command;
            return CLI_OK;
        }
        snprintf(names + length, sizeof names - length, "%s%s", length > 0 ? ", " : "",
                 command->name);
    }
    return cli_fail(CLI_USAGE, "no command is called '%s'; choose one of: %s", name, names);
}
