/* SPDX-License-Identifier: MIT */
/*
 * virtual.c -- schedules on virtual devices: does the executor take the time that the simulator
 * predicts? Prints Markdown; fails only if a run takes less time than the simulation, which is
 * impossible.
 *
 *   virtual            p = 2 .. 128, actions of 10 ms: bench/results/virtual-*.md; about 15 min
 *   virtual --quick    p = 2 and 4, actions of 1 ms
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "bench.h"

typedef struct setting {
    const char *schedule;
    int ranks, microbatches;
    double forward, input, weight; /* seconds of a stage's action */
} setting;

typedef struct finding {
    double simulated;
    double measured, fastest; /* seconds of a step: median and minimum of three */
    double bare;              /* seconds by which a thread that only sleeps wakes late */
    int actions;              /* of the rank with the most */
    double unaccounted;       /* largest share of any rank's step */
} finding;

/* ---- a step ---- */

static sluice_schedule *make_schedule(const setting *on) {
    sluice_schedule *schedule       = NULL;
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    options.ranks                   = on->ranks;
    options.microbatches            = on->microbatches;
    bench_check(sluice_schedule_generate(&schedule, on->schedule, &options));
    return schedule;
}

static void count_actions(finding *found, const sluice_program *program) {
    for (int r = 0; r < sluice_program_ranks(program); r++) {
        int count = 0, actions = 0;
        const sluice_instruction *const list = sluice_program_list(&count, program, r);
        for (int n = 0; n < count; n++) actions += sluice_instruction_computes(list[n].kind);
        if (actions > found->actions) found->actions = actions;
    }
}

static void run_steps(finding *found, sluice_pipeline *pipeline, const setting *on) {
    const sluice_batch batch = sluice_virtual_batch(on->microbatches);
    double seconds[3];
    for (int k = 0; k < 3; k++) {
        sluice_result result = {0};
        bench_check(sluice_pipeline_step(&result, pipeline, &batch));
        seconds[k] = result.seconds;
        for (int r = 0; r < on->ranks; r++)
            if (result.ledger[r].unaccounted > found->unaccounted * result.seconds)
                found->unaccounted = result.ledger[r].unaccounted / result.seconds;
    }
    found->fastest  = bench_quantile(seconds, 3, 0);
    found->measured = bench_median(seconds, 3);
}

static void measure(finding *found, const setting *on) {
    sluice_schedule *const schedule = make_schedule(on);
    const int stages                = sluice_schedule_stages(schedule);
    sluice_cost *const cost         = bench_alloc((size_t)stages, sizeof *cost);
    sluice_simulation_costs costs   = {.stages = cost};
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_model *model             = NULL;
    sluice_pipeline *pipeline       = NULL;
    sluice_simulation *simulation   = NULL;
    for (int s = 0; s < stages; s++) cost[s] = (sluice_cost){on->forward, on->input, on->weight};
    options.device  = "virtual";
    options.samples = on->microbatches;
    options.costs   = &costs;
    bench_check(sluice_virtual_model(&model, NULL, stages, 2));
    bench_check(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options));
    const sluice_program *const program = sluice_pipeline_program(pipeline);
    bench_check(sluice_program_simulate(&simulation, program, &costs));
    found->simulated = simulation->step;
    count_actions(found, program);
    run_steps(found, pipeline, on);
    sluice_simulation_free(simulation);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    sluice_schedule_free(schedule);
    free(cost);
}

/* ---- the floor: threads that sleep as often and as long, and do nothing else ---- */

typedef struct sleeper {
    pthread_t thread;
    const setting *on;
    int actions;
    double took;
} sleeper;

static void sleep_for(double seconds) {
    const double until         = bench_now() + seconds;
    const struct timespec then = {(time_t)until, (long)((until - (double)(time_t)until) * 1e9)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
}

static double length_of(const setting *on) {
    return (on->forward + on->input + on->weight) / 3;
}

static void *sleep_often(void *argument) {
    sleeper *const me  = argument;
    const double begin = bench_now();
    (void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    for (int n = 0; n < me->actions; n++) sleep_for(length_of(me->on));
    me->took = bench_now() - begin;
    return NULL;
}

static void sleep_barely(finding *found, const setting *on) {
    sleeper *const all = bench_alloc((size_t)on->ranks, sizeof *all);
    const int limit    = 400; /* enough for a mean */
    const int actions  = found->actions < limit ? found->actions : limit;
    double sum         = 0;
    for (int r = 0; r < on->ranks; r++) {
        all[r] = (sleeper){.on = on, .actions = actions};
        if (pthread_create(&all[r].thread, NULL, sleep_often, &all[r]) != 0) abort();
    }
    for (int r = 0; r < on->ranks; r++) {
        (void)pthread_join(all[r].thread, NULL);
        sum += all[r].took;
    }
    found->bare = (sum / on->ranks) / actions - length_of(on);
    free(all);
}

/* ---- tables ---- */

static bool print_row(const setting *on) {
    finding found = {0};
    measure(&found, on);
    sleep_barely(&found, on);
    printf("| %s | %d | %d | %.4f | %.4f | %+.2f %% | %+.2f %% | %.0f | %.0f | %.3f %% |\n",
           on->schedule, on->ranks, on->microbatches, found.simulated, found.measured,
           100 * (found.measured / found.simulated - 1),
           100 * (found.fastest / found.simulated - 1),
           1e6 * (found.measured - found.simulated) / found.actions, 1e6 * found.bare,
           100 * found.unaccounted);
    (void)fflush(stdout);
    return found.fastest >= found.simulated * (1 - 1e-6);
}

static bool print_schedules(int limit, double length) {
    static const char *const schedules[] = {"gpipe",  "1f1b", "interleaved",
                                            "hanayo", "zb1p", "zbv"};
    static const int ranks[]             = {2, 4, 8, 32, 128};
    bool possible                        = true;
    printf(
        "## Schedules\n\nF, I and W of a stage take %g ms each; transfers and updates are free. "
        "`measured`: the\nmiddle of three steps; `difference`: of that, and of the least of them. "
        "`per action`: measured less simulated,\nover the actions of the rank that has most. "
        "`bare loop`: how much late the same number of threads are that\nonly sleep, each time. "
        "`unaccounted`: of the ledger of the rank where it is largest.\n\n"
        "| schedule | p | m | simulated, s | measured, s | difference | least | per action, µs "
        "| bare loop, µs | unaccounted |\n|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        1e3 * length);
    for (int p = 0; p < 5 && ranks[p] <= limit; p++)
        for (int k = 1; k <= 4; k += 3)
            for (size_t s = 0; s < sizeof schedules / sizeof *schedules; s++) {
                const setting on = {schedules[s], ranks[p], k * ranks[p], length, length, length};
                possible         = print_row(&on) && possible;
            }
    return possible;
}

/* A step of the same minibatch through the same model, divided into p stages and m micro-batches.
 */
static bool print_gpipe(double length) {
    static const int ranks[] = {2, 4, 8}, microbatches[] = {1, 4, 32};
    const double work = 256 * length; /* of F of the whole model; I and W take as long */
    bool possible     = true;
    double first      = 0;
    printf(
        "\n## GPipe's speedup\n\nOne model and minibatch, p even stages, m micro-batches; against "
        "2 ranks and 1 micro-batch. Arithmetic:\np m / (m + p - 1), over 1; of 8 ranks and 32 "
        "micro-batches 6.56 (the paper's TPUs: 6.3 for the Transformer).\n\n"
        "| p | m | step, s | speedup | arithmetic |\n|--:|--:|--:|--:|--:|\n");
    for (int k = 0; k < 9; k++) {
        const int p = ranks[k / 3], m = microbatches[k % 3];
        const double each = work / (p * m);
        const setting on  = {"gpipe", p, m, each, each, each};
        finding found     = {0};
        measure(&found, &on);
        if (k == 0) first = found.measured;
        printf("| %d | %d | %.3f | %.3f | %.3f |\n", p, m, found.measured, first / found.measured,
               (double)(p * m) / (m + p - 1));
        (void)fflush(stdout);
        possible = possible && found.fastest >= found.simulated * (1 - 1e-6);
    }
    return possible;
}

int main(int argc, char **argv) {
    const bool quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
    if (argc > 1 && !quick) {
        (void)fprintf(stderr, "usage: virtual [--quick]\n");
        return 2;
    }
    bench_begin("Virtual devices: simulated and run");
    const double length  = quick ? 1e-3 : 1e-2;
    const bool schedules = print_schedules(quick ? 4 : 128, length);
    const bool gpipe     = print_gpipe(quick ? 1e-4 : length);
    if (schedules && gpipe) return 0;
    (void)fprintf(stderr, "bench: a run took less time than its simulation\n");
    return 1;
}
