/* SPDX-License-Identifier: MIT */
/* print_timeline.c -- a program's simulated time line, printed. */
#include <stdio.h>

#include "cli.h"

int cli_print_timeline(const sluice_program *program, const sluice_simulation *simulation,
                       int columns) {
    sluice_timeline *timeline = NULL;
    char *text                = NULL;
    CLI_TRY(cli_report(sluice_timeline_from_simulation(&timeline, program, simulation)));
    const int failed = cli_report(sluice_timeline_draw(&text, timeline, columns, cli_colour()));
    if (!failed) fputs(text, stdout);
    sluice_text_free(text);
    sluice_timeline_free(timeline);
    return failed;
}
