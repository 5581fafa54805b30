/* SPDX-License-Identifier: MIT */
/* commands.c -- the subcommands as a list, and how one is found and run. */
#include "commands.h"

#include <argp.h>
#include <stdbool.h>
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

static bool is(const char *text, const char *one, const char *other) {
    return strcmp(text, one) == 0 || strcmp(text, other) == 0;
}

int cli_run(int argc, char **argv) {
    const cli_command *command = NULL;
    argp_err_exit_status       = CLI_USAGE;
    if (argc < 2) return cli_fail(CLI_USAGE, "no command is named; see sluice --help");
    if (is(argv[1], "--help", "-h")) {
        cli_print_commands();
        return CLI_OK;
    }
    if (is(argv[1], "--version", "-V")) {
        printf("sluice %s\n", sluice_version());
        return CLI_OK;
    }
    const int failed = cli_find_command(&command, argv[1]);
    return command ? command->run(command, argc - 1, argv + 1) : failed;
}
