/* SPDX-License-Identifier: MIT */
/* train_virtual.c -- `sluice train --device virtual`: the executor runs a schedule at given costs.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "training.h"

typedef struct virtual_run {
    const train_options *options;
    sluice_schedule *schedule;
    given_costs costs;
    const sluice_split *split; /* of the model's layers; NULL: each is a stage */
    int64_t samples;           /* of a minibatch */
    sluice_model *model;
    sluice_pipeline *pipeline;
    FILE *log;
    bool talks;      /* neither --quiet nor --json */
    train_step step; /* the last one */
} virtual_run;

/* A transfer's size is 1 where no bytes are given, and the model then sends a float. */
static void count_in_floats(given_costs *costs) {
    costs->costs.bandwidth *= sizeof(float);
    for (int l = 0; l < costs->costs.link_count; l++) costs->links[l].bandwidth *= sizeof(float);
}

/* --scale: everything takes so many times as long. */
static void scale_costs(given_costs *costs, double by, const sluice_schedule *schedule) {
    for (int s = 0; s < sluice_schedule_stages(schedule); s++) {
        sluice_cost *const cost = &costs->stages[s];
        *cost = (sluice_cost){cost->forward * by, cost->input * by, cost->weight * by};
        costs->recompute[s] *= by;
    }
    for (int r = 0; costs->updates && r < sluice_schedule_ranks(schedule); r++)
        costs->updates[r] *= by;
    for (int l = 0; l < costs->costs.link_count; l++) {
        costs->links[l].latency *= by;
        costs->links[l].bandwidth /= by;
    }
    costs->costs.update *= by;
    costs->costs.latency *= by;
    costs->costs.bandwidth /= by;
}

/* What the command line says. */
static int read_given(virtual_run *run) {
    const train_options *const options = run->options;
    CLI_TRY(cli_load_schedule(&run->schedule, &options->schedule));
    CLI_TRY(cli_check_size(run->schedule));
    CLI_TRY(given_costs_read(&run->costs, &options->costs, run->schedule));
    if (!run->costs.bytes) count_in_floats(&run->costs);
    run->samples = sluice_schedule_microbatches(run->schedule);
    return cli_report(sluice_virtual_model(
        &run->model, run->costs.bytes, sluice_schedule_stages(run->schedule), cli_usual_states()));
}

/* What --plan says. */
static int read_planned(virtual_run *run) {
    const train_options *const options = run->options;
    const sluice_plan_file *const file = options->planned;
    CLI_TRY(train_load_planned(&run->schedule, &run->costs, file, options->plan));
    CLI_TRY(cli_check_size(run->schedule));
    run->split        = file->model ? run->costs.split : NULL; /* else a layer is a stage */
    run->samples      = file->model ? file->batch : file->microbatch_count;
    run->step.planned = file->step_s;
    return train_make_virtual_model(&run->model, run->schedule, options);
}

static int prepare(virtual_run *run) {
    const train_options *const options = run->options;
    sluice_pipeline_options settings   = SLUICE_PIPELINE_OPTIONS_INIT;
    if (options->trace) CLI_TRY(cli_check_writable(options->trace));
    CLI_TRY(options->planned ? read_planned(run) : read_given(run));
    if (options->scale > 0) {
        scale_costs(&run->costs, options->scale, run->schedule);
        run->step.planned *= options->scale;
    }
    settings.device           = "virtual";
    settings.samples          = run->samples;
    settings.precision        = options->precision;
    settings.optimizer        = options->optimizer.kind;
    settings.optimizer_config = options->optimizer.config;
    settings.costs            = &run->costs.costs;
    settings.recompute        = run->costs.recomputes;
    settings.outstanding      = (int)options->costs.outstanding;
    settings.deadline_s       = options->timeout;
    settings.memory_limit     = options->memory_limit;
    return train_report(sluice_pipeline_plan_and_open(&run->pipeline, run->model, run->schedule,
                                                      run->split, &settings));
}

static int simulate(virtual_run *run) {
    sluice_simulation *simulation = NULL;
    CLI_TRY(cli_report(sluice_program_simulate(&simulation, sluice_pipeline_program(run->pipeline),
                                               &run->costs.costs)));
    run->step.simulated = simulation->step;
    sluice_simulation_free(simulation);
    return CLI_OK;
}

/* A plan that is as it was written has what its costs add up to. */
static int check_prediction(virtual_run *run) {
    const double planned = run->step.planned, simulated = run->step.simulated;
    if (planned == 0 || fabs(simulated - planned) <= 0.01 * planned) return CLI_OK;
    return cli_warn(&run->costs.warnings,
                    "'%s' predicts a step in %.6g s, and its costs add up to %.6g s: one of them "
                    "has been changed",
                    run->options->plan, planned, simulated);
}

enum { TRUSTED = 20 }; /* actions that take this many times what a timer is late */

/* Actions that are too short take longer than they should. */
static int check_lateness(virtual_run *run) {
    const double shortest = sluice_virtual_shortest_action(run->pipeline);
    double lateness       = 0;
    CLI_TRY(cli_report(sluice_virtual_lateness(&lateness, run->pipeline)));
    if (shortest >= TRUSTED * lateness) return CLI_OK;
    const double times = ceil(TRUSTED * lateness / shortest);
    char larger[64];
    if (run->options->costs.costs)
        snprintf(larger, sizeof larger, "give --costs at least %.0f times as large", times);
    else
        snprintf(larger, sizeof larger, "give a --scale of at least %.0f",
                 times * (run->options->scale > 0 ? run->options->scale : 1));
    return cli_warn(
        &run->costs.warnings,
        "the shortest action takes %.3g ms, less than %d times the %.3g ms by which "
        "timers are late here: steps take longer than they should; %s, or simulate such "
        "times only (sluice simulate)",
        1e3 * shortest, TRUSTED, 1e3 * lateness, larger);
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
    if (run->costs.bytes || run->split)
        printf("memory    at most %s of a rank\n", cli_bytes(largest).text);
    putchar('\n');
}

static void print_step(const virtual_run *run) {
    const double seconds = run->step.run.result.seconds, simulated = run->step.simulated;
    printf("step %lld/%lld  %.6g s, simulated %.6g s", (long long)run->step.run.step,
           (long long)run->options->steps, seconds, simulated);
    if (simulated > 0) printf(" (%+.2f %%)", 100 * (seconds / simulated - 1));
    if (run->step.planned > 0) printf(", planned %.6g s", run->step.planned);
    putchar('\n');
    fflush(stdout);
}

static int run_steps(virtual_run *run) {
    const train_options *const options = run->options;
    const sluice_batch batch           = sluice_virtual_batch(run->samples);
    train_step *const step             = &run->step;
    for (step->run.step = 1;; step->run.step++) {
        const bool is_last = step->run.step == options->steps;
        step->warnings     = step->run.step == 1 ? run->costs.warnings : NULL;
        CLI_TRY(train_report(sluice_pipeline_step(&step->run.result, run->pipeline, &batch)));
        if (run->talks || (is_last && !options->json)) print_step(run);
        CLI_TRY(train_log_step(&run->log, options->json ? stdout : NULL, step));
        if (is_last) return CLI_OK;
    }
}

static int show_last_step(const virtual_run *run) {
    const train_options *const options = run->options;
    const train_costs costs            = {.costs = run->costs.costs, .given = true};
    if (options->trace)
        CLI_TRY(train_write_last_step(options->trace, run->pipeline, &costs, options->steps));
    const sluice_result *const result = &run->step.run.result;
    if (run->talks) CLI_TRY(train_print_last_step(run->pipeline, &costs, result->makespan_idle));
    return options->ledger ? train_print_ledger(run->pipeline, result->ledger, &costs) : CLI_OK;
}

static int run_all(virtual_run *run) {
    run->step.ranks      = sluice_schedule_ranks(run->schedule);
    run->step.is_virtual = true;
    run->step.held_out = run->step.held_out_before = NAN;
    CLI_TRY(given_costs_check(&run->costs, &run->options->costs,
                              sluice_pipeline_program(run->pipeline)));
    CLI_TRY(simulate(run));
    CLI_TRY(check_prediction(run));
    CLI_TRY(check_lateness(run));
    CLI_TRY(train_open_log(&run->log, run->options, NULL));
    if (run->talks) print_heading(run);
    CLI_TRY(run_steps(run));
    return show_last_step(run);
}

int train_virtual(const train_options *options) {
    virtual_run run = {.options = options, .talks = !options->quiet && !options->json};
    int failed      = prepare(&run);
    if (!failed) failed = run_all(&run);
    train_close_log(run.log);
    sluice_pipeline_close(run.pipeline);
    sluice_model_free(run.model);
    given_costs_free(&run.costs);
    sluice_schedule_free(run.schedule);
    return failed;
}
