/* SPDX-License-Identifier: MIT */
/* manual.c -- the manual page sluice.1, from the tables of commands and options. */
#include <ctype.h>
#include <stdio.h>

#include "command_line.h"

/* Text as roff reads it: a hyphen that can be copied, no request and no escape. */
static void print_text(const char *text) {
    if (*text == '.' || *text == '\'') printf("\\&");
    for (; *text; text++) {
        if (*text == '-' || *text == '\\')
            printf("%s", *text == '-' ? "\\-" : "\\e");
        else
            putchar(*text);
    }
}

static void print_paragraph(const char *text) {
    puts(".PP");
    print_text(text);
    putchar('\n');
}

static void print_option(const cli_option *option) {
    puts(".TP");
    if (isprint(option->key)) printf("\\fB\\-%c\\fR, ", option->key);
    printf("\\fB\\-\\-");
    print_text(option->name);
    printf("\\fR");
    if (option->value) {
        printf(option->bare ? "[=\\fI" : "=\\fI");
        print_text(option->value);
        printf(option->bare ? "\\fR]" : "\\fR");
    }
    putchar('\n');
    print_text(cli_help_of(option));
    putchar('\n');
}

static void print_options(const cli_command_line *line) {
    for (const cli_option_table *table = line->tables; table->rows; table++) {
        if (table->heading) printf(".PP\n.I %s:\n", table->heading);
        for (const cli_option *row = table->rows; row->read; row++)
            if ((row->takers & line->takers) && row->key != CLI_ARGUMENT) print_option(row);
    }
}

/* A line for each way to call it: alternatives are separated by '\n' in `arguments`. */
static void print_calls(const cli_command *command) {
    const char *text = command->arguments;
    do {
        printf(".br\n\\fBsluice %s\\fR [\\fIOPTION\\fR...] ", command->name);
        for (; *text && *text != '\n'; text++) {
            const char letter[] = {*text, 0};
            print_text(letter);
        }
        putchar('\n');
    } while (*text++);
}

static void print_command(const cli_command *command) {
    printf(".SS %s\n", command->name);
    print_calls(command);
    printf(".PP\n%s.\n", command->summary);
    print_options(command->line);
    print_paragraph(command->details);
}

void cli_print_manual(void) {
    printf(".TH SLUICE 1 \"\" \"sluice %s\" \"User Commands\"\n", sluice_version());
    puts(".SH NAME\nsluice \\- pipeline\\-parallel, micro\\-batching training\n"
         ".SH SYNOPSIS\n.B sluice\n\\fICOMMAND\\fR [\\fIOPTION\\fR...]\n"
         ".br\n.B sluice\n\\fB\\-\\-help\\fR | \\fB\\-\\-version\\fR\n"
         ".SH DESCRIPTION\n"
         "Trains networks that are cut into stages and run as a pipeline of micro\\-batches; and\n"
         "proves, costs, draws and runs pipeline schedules.\n"
         "Every command has \\fB\\-\\-help\\fR (\\fB\\-h\\fR).\n"
         ".SH COMMANDS");
    for (const cli_command *command = cli_commands; command->name; command++)
        print_command(command);
    puts(
        ".SH EXIT STATUS\n0 if all went well, 1 if something failed, 2 if the command line is "
        "wrong,\n"
        "130 after Ctrl\\-C.\n"
        ".SH ENVIRONMENT\n"
        ".TP\n.B SLUICE_PLUGIN_PATH\nFolders, separated by colons, in which plug\\-ins for devices "
        "are looked for first.\n"
        ".TP\n.B SLUICE_NCCL_LIBRARY\nThe file of NCCL, if it is not to be the loader's "
        "libnccl.so.2.\n"
        ".TP\n.B NO_COLOR\nIf it is set and not empty, nothing is coloured.");
}
