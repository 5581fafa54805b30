/* SPDX-License-Identifier: MIT */
/* last_step.c -- the last step's time lines: simulated from its actions' times, and measured. */
#include <stdio.h>
#include <stdlib.h>

#include "training.h"

int train_read_costs(train_costs *out, const sluice_pipeline *pipeline) {
    const sluice_program *const program = sluice_pipeline_program(pipeline);
    const size_t stages                 = (size_t)sluice_program_stages(program);
    out->stages                         = calloc(stages, sizeof *out->stages);
    out->recompute                      = calloc(stages, sizeof *out->recompute);
    out->updates = calloc((size_t)sluice_program_ranks(program), sizeof *out->updates);
    if (!out->stages || !out->recompute || !out->updates)
        return cli_fail(CLI_FAILED, "host memory exhausted");
    sluice_pipeline_stage_costs(out->stages, pipeline);
    sluice_pipeline_other_costs(out->recompute, out->updates, pipeline);
    out->costs = (sluice_simulation_costs){
        .stages = out->stages, .recompute = out->recompute, .updates = out->updates};
    return CLI_OK;
}

void train_free_costs(train_costs *costs) {
    free(costs->stages);
    free(costs->recompute);
    free(costs->updates);
}

static sluice_status simulate(sluice_timeline **out, sluice_ledger *ledger,
                              const sluice_program *program, const train_costs *costs) {
    sluice_simulation *simulation = NULL;
    sluice_status status          = sluice_program_simulate(&simulation, program, &costs->costs);
    if (status == SLUICE_OK) status = sluice_timeline_from_simulation(out, program, simulation);
    if (status == SLUICE_OK)
        status = sluice_simulation_ledger(ledger, program, simulation, &costs->costs);
    sluice_simulation_free(simulation);
    return status;
}

/* A simulation's time line with the ledger of each rank, in seconds. */
static int make_simulated(sluice_timeline **out, const sluice_pipeline *pipeline,
                          const train_costs *costs) {
    const sluice_program *const program = sluice_pipeline_program(pipeline);
    sluice_ledger *const ledger = calloc((size_t)sluice_program_ranks(program), sizeof *ledger);
    sluice_timeline *made       = NULL;
    if (!ledger) return cli_fail(CLI_FAILED, "host memory exhausted");
    const int failed = cli_report(simulate(&made, ledger, program, costs));
    for (int r = 0; made && r < made->ranks; r++) {
        made->rank[r].has_ledger = true;
        made->rank[r].ledger     = ledger[r];
    }
    if (made) snprintf(made->unit, sizeof made->unit, "s");
    *out = made;
    free(ledger);
    return failed;
}

/* The time line for the text, in milliseconds. */
static void count_in_milliseconds(sluice_timeline *timeline) {
    for (int r = 0; r < timeline->ranks; r++)
        for (int n = 0; n < timeline->rank[r].span_count; n++) {
            timeline->rank[r].spans[n].begin *= 1e3;
            timeline->rank[r].spans[n].end *= 1e3;
        }
    timeline->makespan *= 1e3;
    timeline->step *= 1e3;
}

int train_print_last_step(const sluice_pipeline *pipeline, const train_costs *costs,
                          double measured_idle) {
    sluice_timeline *simulated = NULL;
    char *text                 = NULL;
    int failed                 = make_simulated(&simulated, pipeline, costs);
    if (!failed) {
        count_in_milliseconds(simulated);
        failed = cli_report(sluice_timeline_draw(&text, simulated, cli_columns(110), cli_colour()));
    }
    if (!failed)
        printf("\none step, simulated from %s:\n%smakespan idle: simulated %.1f %%, measured "
               "%.1f %%\n\n",
               costs->given ? "the costs (in milliseconds)"
                            : "its measured actions (in milliseconds, free transfers)",
               text, 100 * simulated->makespan_idle, 100 * measured_idle);
    sluice_text_free(text);
    sluice_timeline_free(simulated);
    return failed;
}

int train_write_last_step(const char *path, const sluice_pipeline *pipeline,
                          const train_costs *costs, long long step) {
    sluice_timeline *simulated = NULL, *measured = NULL;
    int failed = make_simulated(&simulated, pipeline, costs);
    if (!failed) failed = cli_report(sluice_pipeline_timeline(&measured, pipeline));
    if (!failed) {
        snprintf(simulated->title, sizeof simulated->title, "step %lld, simulated from %s", step,
                 costs->given ? "the costs" : "its measured actions with free transfers");
        snprintf(measured->title, sizeof measured->title, "step %lld, measured", step);
        failed = cli_write_drawing(path, (const sluice_timeline *[]){simulated, measured}, 2);
    }
    sluice_timeline_free(measured);
    sluice_timeline_free(simulated);
    return failed;
}
