/* SPDX-License-Identifier: MIT */
/*
 * pipeline.c -- training on the CPU against its simulation: does a step take what the simulator
 * says, given the times of its actions, and are the differences between schedules those that it
 * predicts? Prints Markdown; fails only if a ledger does not account for its step.
 *
 *   pipeline            gpt-mini on 2 ranks: bench/results/pipeline-*.md; about a minute
 *   pipeline --quick    gpt-nano, 3 steps
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { RANKS = 2, SCHEDULES = 4, MAX_STAGES = 4, MAX_STEPS = 64 };

typedef struct setting {
    const char *preset;
    int64_t length, samples;
    int microbatches, steps;
} setting;

static const char *const names[SCHEDULES] = {"gpipe", "1f1b", "zb1p", "interleaved"};

/* One schedule, and what its steps were like. */
typedef struct subject {
    const char *name;
    sluice_pipeline *pipeline;
    int steps;
    double measured[MAX_STEPS], simulated[MAX_STEPS]; /* seconds */
    double error[MAX_STEPS];                          /* measured / simulated - 1 */
    double computed[MAX_STEPS];                       /* seconds in F, I and W, all ranks */
    double ledger[2]
                 [SLUICE_LEDGER_ENTRIES]; /* measured, simulated: seconds of all ranks and steps */
    double unaccounted;                   /* the same */
    double worst;                         /* largest unaccounted share of a rank's step */
} subject;

/* ---- steps ---- */

static sluice_status load_tokens(void *context, void *to, int64_t first, int64_t samples) {
    const setting *const on = context;
    for (int64_t k = 0; k < samples * on->length; k++)
        ((int32_t *)to)[k] = (int32_t)((97 * (first * on->length + k)) % 251);
    return SLUICE_OK;
}

static void open_subject(subject *it, const sluice_model *model, const setting *on,
                         const char *name) {
    sluice_schedule_options plan    = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_schedule *schedule       = NULL;
    plan.ranks                      = RANKS;
    plan.microbatches               = on->microbatches;
    options.samples                 = on->samples;
    options.threads                 = 1;
    *it                             = (subject){.name = name};
    bench_check(sluice_schedule_generate(&schedule, name, &plan));
    bench_check(sluice_pipeline_plan_and_open(&it->pipeline, model, schedule, NULL, &options));
    sluice_schedule_free(schedule);
}

/* The step again, simulated from what each stage's actions took in it. */
static double simulate(const sluice_pipeline *pipeline, sluice_ledger ledger[RANKS]) {
    const sluice_program *const program = sluice_pipeline_program(pipeline);
    sluice_simulation *simulation       = NULL;
    sluice_cost cost[MAX_STAGES];
    double recompute[MAX_STAGES], updates[RANKS];
    sluice_pipeline_stage_costs(cost, pipeline);
    sluice_pipeline_other_costs(recompute, updates, pipeline);
    const sluice_simulation_costs costs = {
        .stages = cost, .recompute = recompute, .updates = updates};
    bench_check(sluice_program_simulate(&simulation, program, &costs));
    bench_check(sluice_simulation_ledger(ledger, program, simulation, &costs));
    const double step = simulation->step;
    sluice_simulation_free(simulation);
    return step;
}

static void add_ledgers(subject *it, const sluice_ledger *measured,
                        const sluice_ledger *simulated) {
    for (int r = 0; r < RANKS; r++) {
        const double share = measured[r].unaccounted / measured[r].step;
        for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++) {
            it->ledger[0][e] += measured[r].time[e];
            it->ledger[1][e] += simulated[r].time[e];
        }
        it->unaccounted += measured[r].unaccounted;
        it->computed[it->steps] += measured[r].time[SLUICE_LEDGER_FORWARD] +
                                   measured[r].time[SLUICE_LEDGER_INPUT] +
                                   measured[r].time[SLUICE_LEDGER_WEIGHT];
        if (share > it->worst) it->worst = share;
    }
}

static void run_step(subject *it, setting *on, bool counts) {
    const sluice_batch batch = {
        .samples       = on->samples,
        .total_weight  = (double)(on->samples * on->length),
        .parts         = {{"inputs", load_tokens, on}, {"targets", load_tokens, on}},
        .learning_rate = 1e-4};
    sluice_result result = {0};
    sluice_ledger simulated[RANKS];
    bench_check(sluice_pipeline_step(&result, it->pipeline, &batch));
    if (!counts) return;
    const double step        = simulate(it->pipeline, simulated);
    it->measured[it->steps]  = result.seconds;
    it->simulated[it->steps] = step;
    it->error[it->steps]     = result.seconds / step - 1;
    add_ledgers(it, result.ledger, simulated);
    it->steps++;
}

/* ---- tables ---- */

static void print_errors(const subject *subjects) {
    printf(
        "## Measured and simulated\n\nEach step is simulated from what its own actions took (mean "
        "of each stage's F, I, W) and its updates,\nwith free transfers. Medians over the steps; "
        "of the error also the range that 80 %% of the steps are in.\n\n"
        "| schedule | measured, ms | simulated, ms | error | 10 %% .. 90 %% |\n"
        "|:--|--:|--:|--:|--:|\n");
    for (int k = 0; k < SCHEDULES; k++) {
        const subject *const it = &subjects[k];
        printf("| %s | %.1f | %.1f | %+.1f %% | %+.1f .. %+.1f %% |\n", it->name,
               1e3 * bench_median(it->measured, it->steps),
               1e3 * bench_median(it->simulated, it->steps),
               100 * bench_median(it->error, it->steps),
               100 * bench_quantile(it->error, it->steps, 0.1),
               100 * bench_quantile(it->error, it->steps, 0.9));
    }
}

/* Every entry in % of the simulated steps: the differences add up to the error. */
static void print_ledgers(const subject *subjects) {
    printf("\n## Where the error is\n\nThe ledgers of both ranks, over all steps, in %% of the "
           "simulated time: as measured, and simulated below.\n\n| schedule | ");
    for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++)
        printf("%s | ", sluice_ledger_name((sluice_ledger_entry)e));
    printf("unaccounted | sum |\n|:--|");
    for (int e = 0; e < SLUICE_LEDGER_ENTRIES + 2; e++) printf("--:|");
    for (int k = 0; k < SCHEDULES; k++) {
        const subject *const it = &subjects[k];
        double all              = 0;
        for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++) all += it->ledger[1][e];
        for (int which = 0; which < 2; which++) {
            double sum = which == 0 ? it->unaccounted : 0;
            printf("\n| %s | ", which == 0 ? it->name : "simulated");
            for (int e = 0; e < SLUICE_LEDGER_ENTRIES; e++) {
                printf("%.2f | ", 100 * it->ledger[which][e] / all);
                sum += it->ledger[which][e];
            }
            printf("%.3f | %.2f |", which == 0 ? 100 * it->unaccounted / all : 0, 100 * sum / all);
        }
    }
    printf("\n");
}

/* Against 1F1B: as measured; as simulated, each from its own actions; and how much of the
 * difference comes from actions that take longer or shorter. */
static void print_gains(const subject *subjects) {
    const subject *const base = &subjects[1];
    printf("\n## Against 1f1b\n\nHow much shorter a step is (medians); simulated from each "
           "schedule's own "
           "actions. `F + I + W`: time in the actions\nthemselves, against the same of 1f1b.\n\n"
           "| schedule | measured | simulated | F + I + W |\n|:--|--:|--:|--:|\n");
    for (int k = 0; k < SCHEDULES; k++) {
        const subject *const it = &subjects[k];
        printf("| %s | %.1f %% | %.1f %% | %+.1f %% |\n", it->name,
               100 * (1 - bench_median(it->measured, it->steps) /
                              bench_median(base->measured, base->steps)),
               100 * (1 - bench_median(it->simulated, it->steps) /
                              bench_median(base->simulated, base->steps)),
               100 * (bench_median(it->computed, it->steps) /
                          bench_median(base->computed, base->steps) -
                      1));
    }
}

int main(int argc, char **argv) {
    setting large = {"gpt-mini", 128, 16, 8, 40}, tiny = {"gpt-nano", 32, 8, 4, 3};
    const bool quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
    setting *on      = quick ? &tiny : &large;
    sluice_gpt_config config;
    sluice_model *model = NULL;
    subject subjects[SCHEDULES];
    bool accounted = true;
    if (argc > 1 && !quick) {
        (void)fprintf(stderr, "usage: pipeline [--quick]\n");
        return 2;
    }
    bench_begin("Training on the CPU: simulated and run");
    bench_check(sluice_gpt_preset(&config, on->preset, 256));
    bench_check(sluice_gpt_model(&model, &config, on->length));
    for (int k = 0; k < SCHEDULES; k++) open_subject(&subjects[k], model, on, names[k]);
    printf(
        "%s, %lld samples of %lld tokens in %d micro-batches, %d ranks of one thread, %d steps of "
        "each schedule in turn.\n%s\n\n",
        on->preset, (long long)on->samples, (long long)on->length, on->microbatches, RANKS,
        on->steps, sluice_pipeline_degradations(subjects[0].pipeline));
    /* In turn, so that other load on the machine hits all alike; the first steps only warm up. */
    for (int n = -2; n < on->steps; n++)
        for (int k = 0; k < SCHEDULES; k++) run_step(&subjects[k], on, n >= 0);
    print_errors(subjects);
    print_ledgers(subjects);
    print_gains(subjects);
    for (int k = 0; k < SCHEDULES; k++) {
        accounted = accounted && (quick || subjects[k].worst < 0.01);
        sluice_pipeline_close(subjects[k].pipeline);
    }
    sluice_model_free(model);
    if (!accounted) (void)fprintf(stderr, "bench: more than 1 %% of a step is unaccounted\n");
    return accounted ? 0 : 1;
}
