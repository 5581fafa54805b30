/* SPDX-License-Identifier: MIT */
/* train_virtual.c -- `sluice train --device virtual`: the executor runs a schedule at given costs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "training.h"

typedef struct virtual_run {
    const train_options *options;
    sluice_schedule *schedule;
    given_costs costs;
    sluice_model *model;
    sluice_pipeline *pipeline;
    double simulated; /* seconds of a step */
    sluice_result result;
} virtual_run;

static int prepare(virtual_run *run) {
    const train_options *const options = run->options;
    sluice_pipeline_options settings   = SLUICE_PIPELINE_OPTIONS_INIT;
    CLI_TRY(cli_load_schedule(&run->schedule, &options->schedule));
    CLI_TRY(cli_check_size(run->schedule));
    CLI_TRY(given_costs_read(&run->costs, &options->costs, run->schedule));
    CLI_TRY(cli_report(sluice_virtual_model(
        &run->model, run->costs.bytes, sluice_schedule_stages(run->schedule), cli_usual_states())));
    settings.device       = "virtual";
    settings.samples      = sluice_schedule_microbatches(run->schedule);
    settings.costs        = &run->costs.costs;
    settings.recompute    = run->costs.recomputes;
    settings.outstanding  = (int)options->costs.outstanding;
    settings.deadline_s   = options->timeout;
    settings.memory_limit = options->memory_limit;
    return cli_report(
        sluice_pipeline_plan_and_open(&run->pipeline, run->model, run->schedule, NULL, &settings));
}

static int simulate(virtual_run *run) {
    sluice_simulation *simulation = NULL;
    CLI_TRY(cli_report(sluice_program_simulate(&simulation, sluice_pipeline_program(run->pipeline),
                                               &run->costs.costs)));
    run->simulated = simulation->step;
    sluice_simulation_free(simulation);
    return CLI_OK;
}

static void print_heading(const virtual_run *run) {
    const int ranks = sluice_schedule_ranks(run->schedule);
    const int m     = sluice_schedule_microbatches(run->schedule);
    size_t largest  = 0;
    for (int r = 0; r < ranks; r++) {
        const size_t bytes = sluice_program_memory(sluice_pipeline_program(run->pipeline), r).arena;
        if (bytes > largest) largest = bytes;
    }
    printf("pipeline  %s on %d rank%s (virtual), %d stages, %d micro-batch%s\n",
           run->options->schedule.name, ranks, ranks == 1 ? "" : "s",
           sluice_schedule_stages(run->schedule), m, m == 1 ? "" : "es");
    if (run->costs.bytes) printf("memory    at most %s of a rank\n", cli_bytes(largest).text);
    putchar('\n');
}

static void print_step(const virtual_run *run, int64_t n) {
    printf("step %lld/%lld  %.6g s, simulated %.6g s", (long long)n, (long long)run->options->steps,
           run->result.seconds, run->simulated);
    if (run->simulated > 0) printf(" (%+.2f %%)", 100 * (run->result.seconds / run->simulated - 1));
    putchar('\n');
    fflush(stdout);
}

static int run_steps(virtual_run *run) {
    const train_options *const options = run->options;
    const sluice_batch batch = sluice_virtual_batch(sluice_schedule_microbatches(run->schedule));
    for (int64_t n = 1; n <= options->steps; n++) {
        CLI_TRY(cli_report(sluice_pipeline_step(&run->result, run->pipeline, &batch)));
        if (!options->quiet || n == options->steps) print_step(run, n);
    }
    return CLI_OK;
}

static int show_last_step(const virtual_run *run) {
    const train_options *const options = run->options;
    const train_costs costs            = {.costs = run->costs.costs, .given = true};
    if (options->trace)
        CLI_TRY(train_write_last_step(options->trace, run->pipeline, &costs, options->steps));
    if (!options->quiet)
        CLI_TRY(train_print_last_step(run->pipeline, &costs, run->result.makespan_idle));
    return options->ledger ? train_print_ledger(run->pipeline, run->result.ledger, &costs) : CLI_OK;
}

static int run_all(virtual_run *run) {
    if (run->options->trace) CLI_TRY(cli_check_writable(run->options->trace));
    CLI_TRY(prepare(run));
    CLI_TRY(simulate(run));
    if (!run->options->quiet) print_heading(run);
    CLI_TRY(run_steps(run));
    return show_last_step(run);
}

int train_virtual(const train_options *options) {
    virtual_run run  = {.options = options};
    const int failed = run_all(&run);
    sluice_pipeline_close(run.pipeline);
    sluice_model_free(run.model);
    given_costs_free(&run.costs);
    sluice_schedule_free(run.schedule);
    return failed;
}
