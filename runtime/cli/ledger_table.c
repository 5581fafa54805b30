/* SPDX-License-Identifier: MIT */
/* ledger_table.c -- the table of where the last step's time went, measured next to simulated. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "training.h"

static void print_head(void) {
    printf("%-9s", "rank");
    for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++)
        printf(" %9s", sluice_ledger_name((sluice_ledger_entry)e));
    printf(" %11s %9s %9s\n", "unaccounted", "step", "on core");
}

static void print_row(const char *name, const sluice_ledger *ledger, double scale, bool measured) {
    printf("%-9s", name);
    for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++) printf(" %9.2f", scale * ledger->time[e]);
    const double rest = scale * ledger->unaccounted; /* rounding may make a sum -0.000 */
    printf(" %11.3f %9.2f", fabs(rest) < 5e-4 ? 0 : rest, scale * ledger->step);
    if (measured) printf(" %9.2f", scale * ledger->on_core);
    putchar('\n');
}

static void add(sluice_ledger *to, const sluice_ledger *ledger) {
    for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++) to->time[e] += ledger->time[e];
    to->step += ledger->step;
    to->unaccounted += ledger->unaccounted;
    to->on_core += ledger->on_core;
}

static void print_rows(const sluice_ledger *measured, const sluice_ledger *simulated, int ranks) {
    sluice_ledger all[2] = {{.step = 0}, {.step = 0}};
    char name[16];
    for (int r = 0; r < ranks; r++) {
        snprintf(name, sizeof name, "%d", r);
        print_row(name, &measured[r], 1e3, true);
        print_row("simulated", &simulated[r], 1e3, false);
        add(&all[0], &measured[r]);
        add(&all[1], &simulated[r]);
    }
    /* Shares of the time of all ranks. */
    print_row("all, %", &all[0], 100 / all[0].step, true);
    if (all[1].step > 0) print_row("simulated", &all[1], 100 / all[1].step, false);
}

int train_print_ledger(const sluice_pipeline *pipeline, const sluice_ledger *measured,
                       const train_costs *costs) {
    const sluice_program *const program = sluice_pipeline_program(pipeline);
    const int ranks                     = sluice_program_ranks(program);
    sluice_simulation *simulation       = NULL;
    sluice_ledger *const simulated      = calloc((size_t)ranks, sizeof *simulated);
    if (!simulated) return cli_fail(CLI_FAILED, "host memory exhausted");
    int failed = cli_report(sluice_program_simulate(&simulation, program, &costs->costs));
    if (!failed)
        failed =
            cli_report(sluice_simulation_ledger(simulated, program, simulation, &costs->costs));
    if (!failed) {
        printf("where the last step's time went, in milliseconds: as measured, and simulated %s\n",
               costs->given ? "from the costs" : "from its measured actions");
        print_head();
        print_rows(measured, simulated, ranks);
        if (sluice_pipeline_degradations(pipeline)[0])
            printf("note: %s\n", sluice_pipeline_degradations(pipeline));
        putchar('\n');
    }
    sluice_simulation_free(simulation);
    free(simulated);
    return failed;
}
