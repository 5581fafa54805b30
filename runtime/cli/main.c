/* SPDX-License-Identifier: MIT */
/* main.c -- the command `sluice`: finds the subcommand and hands the rest over. */
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct subcommand {
    const char *name;
    char *title; /* what its own --help calls it */
    int (*run)(int argc, char **argv);
} subcommands[] = {
    {"train", (char[]){"sluice train"}, cli_train},
    {"schedule", (char[]){"sluice schedule"}, cli_schedule},
    {"check", (char[]){"sluice check"}, cli_check_schedule},
    {"simulate", (char[]){"sluice simulate"}, cli_simulate},
    {"info", (char[]){"sluice info"}, cli_info},
};
enum { SUBCOMMANDS = sizeof subcommands / sizeof subcommands[0] };

static int print_help(void) {
    puts("Usage: sluice COMMAND [OPTION...]\n"
         "Pipeline-parallel, micro-batching training.\n"
         "\n"
         "  sluice train --data PATH...      train a GPT on text through a pipeline of stages\n"
         "  sluice schedule NAME -p P -m M   print a schedule's time line and its numbers\n"
         "  sluice check NAME|FILE           prove that a schedule runs, or say what is wrong with "
         "it\n"
         "  sluice simulate NAME|FILE        what a schedule costs: time, idle, transfers, memory\n"
         "  sluice info                      version, devices, transports, BLAS, cores\n"
         "\n"
         "  sluice COMMAND --help            the options of a command\n"
         "  sluice --version");
    return CLI_OK;
}

int main(int argc, char **argv) {
    argp_err_exit_status = CLI_USAGE;
    if (argc < 2) return cli_fail(CLI_USAGE, "no command is named; see sluice --help");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return print_help();
    if (strcmp(argv[1], "--version") == 0) {
        printf("sluice %s\n", sluice_version());
        return CLI_OK;
    }
    for (int n = 0; n < SUBCOMMANDS; n++) {
        if (strcmp(argv[1], subcommands[n].name) != 0) continue;
        argv[1] = subcommands[n].title;
        return subcommands[n].run(argc - 1, argv + 1);
    }
    return cli_fail(
        CLI_USAGE,
        "no command is called '%s'; choose one of: train, schedule, check, simulate, info",
        argv[1]);
}
