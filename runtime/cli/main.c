/* SPDX-License-Identifier: MIT */
/* main.c -- the command `sluice`: finds the subcommand in the table and runs it. */
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "commands.h"

#define X(name, arguments, summary, details) {#name, arguments, summary, details, command_##name},
static const cli_command commands[] = {CLI_COMMAND_MAP(X)};
#undef X
enum { COMMANDS = sizeof commands / sizeof commands[0], MARGIN = 26 };

static int print_help(void) {
    puts("Usage: sluice COMMAND [OPTION...]\n"
         "Pipeline-parallel, micro-batching training.\n");
    for (int n = 0; n < COMMANDS; n++) {
        const char *const arguments = commands[n].arguments;
        const int first             = (int)strcspn(arguments, "\n");
        const int length            = (int)strlen(commands[n].name) + 1 + first;
        printf("  sluice %s %.*s%*s%s\n", commands[n].name, first, arguments,
               length < MARGIN ? MARGIN - length : 1, "", commands[n].summary);
    }
    puts("\n"
         "  sluice COMMAND --help            the options of a command\n"
         "  sluice --version");
    return CLI_OK;
}

static int refuse_name(const char *name) {
    char names[256] = "";
    for (int n = 0; n < COMMANDS; n++) {
        const size_t length = strlen(names);
        snprintf(names + length, sizeof names - length, "%s%s", n > 0 ? ", " : "",
                 commands[n].name);
    }
    return cli_fail(CLI_USAGE, "no command is called '%s'; choose one of: %s", name, names);
}

int main(int argc, char **argv) {
    argp_err_exit_status = CLI_USAGE;
    if (argc < 2) return cli_fail(CLI_USAGE, "no command is named; see sluice --help");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return print_help();
    if (strcmp(argv[1], "--version") == 0) {
        printf("sluice %s\n", sluice_version());
        return CLI_OK;
    }
    for (int n = 0; n < COMMANDS; n++)
        if (strcmp(argv[1], commands[n].name) == 0)
            return commands[n].run(&commands[n], argc - 1, argv + 1);
    return refuse_name(argv[1]);
}
