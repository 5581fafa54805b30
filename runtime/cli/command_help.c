/* SPDX-License-Identifier: MIT */
/* command_help.c -- `sluice help`: the commands, the options of one, the manual page, completion.
 */
#include <stdio.h>
#include <string.h>

#include "command_line.h"

typedef struct help_options {
    const char *command;
    const char *shell;
    bool man;
} help_options;

static const char *command_name(int index) {
    return cli_commands[index].name; /* the last row has none */
}

static const char *const shells[] = {"bash", NULL};

/* clang-format off */
static const cli_option options_of_help[] = {
    {"command", CLI_ARGUMENT, CLI_HELP, NULL, NULL, cli_take_text, .field = offsetof(help_options, command), .word_of = command_name},
    {"man", 0, CLI_HELP, NULL, "Print the manual page, for man -l", cli_take_flag, .field = offsetof(help_options, man)},
    {"completion", 0, CLI_HELP, "SHELL", "Print a script that completes command lines in this shell: bash", cli_take_word, .field = offsetof(help_options, shell), .words = shells},
    {0}};
/* clang-format on */

static const cli_option_table tables[]   = {{options_of_help, 0, 1, NULL}, {0}};
const cli_command_line command_help_line = {CLI_HELP, tables};

/* The command's name and the first form of its arguments. */
static int usage_length(const cli_command *command) {
    return (int)strlen(command->name) + 1 + (int)strcspn(command->arguments, "\n");
}

void cli_print_commands(void) {
    int margin = 0;
    for (const cli_command *command = cli_commands; command->name; command++)
        if (usage_length(command) + 2 > margin) margin = usage_length(command) + 2;
    puts("Usage: sluice COMMAND [OPTION...]\n"
         "Pipeline-parallel, micro-batching training.\n");
    for (const cli_command *command = cli_commands; command->name; command++) {
        const int first = (int)strcspn(command->arguments, "\n");
        printf("  sluice %s %.*s%*s%s\n", command->name, first, command->arguments,
               margin - usage_length(command), "", command->summary);
    }
    printf("\n  sluice %-*sthe options of a command\n  sluice --version\n", margin,
           "COMMAND --help");
}

int command_help(const cli_command *command, int argc, char **argv) {
    static char help[]    = "--help";
    help_options options  = {0};
    const cli_command *it = NULL;
    CLI_TRY(cli_parse(&options, NULL, command, argc, argv));
    if (options.man) cli_print_manual();
    if (options.shell) cli_print_bash_completion();
    if (options.man || options.shell) return CLI_OK;
    if (!options.command) {
        cli_print_commands();
        return CLI_OK;
    }
    CLI_TRY(cli_find_command(&it, options.command));
    char *arguments[] = {help, help, NULL}; /* the first is its name, which the parser replaces */
    return it->run(it, 2, arguments);
}
