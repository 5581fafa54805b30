/* SPDX-License-Identifier: MIT */
/* main.c -- the command `sluice`: finds the subcommand in the table and runs it. */
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "ends.h"

static bool is(const char *text, const char *one, const char *other) {
    return strcmp(text, one) == 0 || strcmp(text, other) == 0;
}

static int run(int argc, char **argv) {
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
    CLI_TRY(cli_find_command(&command, argv[1]));
    return command->run(command, argc - 1, argv + 1);
}

int main(int argc, char **argv) {
    cli_limit_blas_threads(argv);
    cli_open_streams();
    cli_watch_signals();
    return cli_close_streams(run(argc, argv));
}
