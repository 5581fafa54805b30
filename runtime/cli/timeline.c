/* SPDX-License-Identifier: MIT */
/* timeline.c -- a program's simulated time line, printed. */
#include <stdio.h>

#include "cli.h"

int cli_print_timeline(sluice_simulation **out, const sluice_program *program,
                       const sluice_simulation_costs *costs, int columns) {
    sluice_simulation *simulation = NULL;
    char *text                    = NULL;
    CLI_TRY(cli_check(sluice_program_simulate(&simulation, program, costs)));
    const int failed = cli_check(sluice_simulation_draw(&text, simulation, program, columns));
    if (failed) {
        sluice_simulation_free(simulation);
        return failed;
    }
    fputs(text, stdout);
    sluice_text_free(text);
    *out = simulation;
    return CLI_OK;
}
