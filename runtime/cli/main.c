/* SPDX-License-Identifier: MIT */
/* main.c -- the command `sluice`: its streams and signals, around what commands.c runs. */
#include "commands.h"
#include "ends.h"

int main(int argc, char **argv) {
    cli_open_streams();
    cli_watch_signals();
    return cli_close_streams(cli_run(argc, argv));
}
