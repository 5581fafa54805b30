/* SPDX-License-Identifier: MIT */
/* last_step.c -- what the last step looked like, simulated from its own actions and as measured. */
#include <stdio.h>
#include <stdlib.h>

#include "train.h"

/* What each stage's actions took in the last step, in 1 / `per_second` seconds; free it. */
static sluice_stage_cost *read_costs(const sluice_pipeline *pipeline, double per_second) {
    const int stages              = sluice_program_stages(sluice_pipeline_program(pipeline));
    sluice_stage_cost *const cost = calloc((size_t)stages, sizeof *cost);
    if (!cost) return NULL;
    sluice_pipeline_stage_costs(pipeline, cost);
    for (int s = 0; s < stages; s++)
        cost[s] = (sluice_stage_cost){per_second * cost[s].forward, per_second * cost[s].input,
                                      per_second * cost[s].weight};
    return cost;
}

int train_print_last_step(const sluice_pipeline *pipeline, double measured_idle) {
    sluice_stage_cost *const cost = read_costs(pipeline, 1e3);
    if (!cost) return cli_fail(CLI_FAILED, "host memory exhausted");
    const sluice_simulation_costs costs = {.stages = cost};
    sluice_simulation *simulation       = NULL;
    printf("\none step, simulated from its measured actions (in milliseconds, free transfers):\n");
    const int failed = cli_print_timeline(&simulation, sluice_pipeline_program(pipeline), &costs,
                                          cli_columns(110));
    if (!failed)
        printf("makespan idle: simulated %.1f %%, measured %.1f %%\n\n",
               100 * simulation->makespan_idle, 100 * measured_idle);
    sluice_simulation_free(simulation);
    free(cost);
    return failed;
}

static sluice_status simulate(sluice_timeline **out, const sluice_pipeline *pipeline,
                              const sluice_stage_cost *cost) {
    const sluice_program *const program = sluice_pipeline_program(pipeline);
    const sluice_simulation_costs costs = {.stages = cost};
    sluice_simulation *simulation       = NULL;
    sluice_status status                = sluice_program_simulate(&simulation, program, &costs);
    if (status == SLUICE_OK) status = sluice_timeline_from_simulation(out, program, simulation);
    sluice_simulation_free(simulation);
    return status;
}

int train_write_last_step(const char *path, const sluice_pipeline *pipeline, long long step) {
    sluice_stage_cost *const cost = read_costs(pipeline, 1);
    if (!cost) return cli_fail(CLI_FAILED, "host memory exhausted");
    sluice_timeline *simulated = NULL, *measured = NULL;
    int failed = cli_check(simulate(&simulated, pipeline, cost));
    if (!failed) failed = cli_check(sluice_pipeline_timeline(&measured, pipeline));
    if (!failed) {
        snprintf(simulated->unit, sizeof simulated->unit, "s");
        snprintf(simulated->title, sizeof simulated->title,
                 "step %lld, simulated from its measured actions with free transfers", step);
        snprintf(measured->title, sizeof measured->title, "step %lld, measured", step);
        failed = cli_write_drawing(path, (const sluice_timeline *[]){simulated, measured}, 2);
    }
    sluice_timeline_free(measured);
    sluice_timeline_free(simulated);
    free(cost);
    return failed;
}
