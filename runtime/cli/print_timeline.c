/* SPDX-License-Identifier: MIT */
/* print_timeline.c -- a program's simulated time line, printed. */
#include <stdio.h>

#include "cli.h"

static int print(const sluice_program *program, const sluice_simulation *simulation, int columns) {
    sluice_timeline *timeline = NULL;
    char *text                = NULL;
    CLI_TRY(cli_report(sluice_timeline_from_simulation(&timeline, program, simulation)));
    const int failed = cli_report(sluice_timeline_draw(&text, timeline, columns, cli_colour()));
    if (!failed) fputs(text, stdout);
    sluice_text_free(text);
    sluice_timeline_free(timeline);
    return failed;
}

int cli_print_timeline(sluice_simulation **out, const sluice_program *program,
                       const sluice_simulation_costs *costs, int columns) {
    sluice_simulation *simulation = NULL;
    CLI_TRY(cli_report(sluice_program_simulate(&simulation, program, costs)));
    const int failed = print(program, simulation, columns);
    if (failed)
        sluice_simulation_free(simulation);
    else
        *out = simulation;
    return failed;
}
