/* SPDX-License-Identifier: MIT */
/*
 * plan.c -- plans against what they promise: layers are measured, plans are made from the profile,
 * and each is run. Does a step take what was predicted, are the plans in the predicted order, and
 * is the gain of the automatic split over equal layers the predicted one? Prints Markdown.
 *
 *   plan            two GPTs of 6 blocks on 2 ranks: bench/results/planned-*.md; about ten minutes
 *   plan --quick    gpt-nano, 3 steps
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { RANKS = 2, MAX_STAGES = 8, MAX_STEPS = 64, MAX_SUBJECTS = 8, SIZES = 3, NAME = 64 };

typedef struct setting {
    const char *title;
    sluice_gpt_config config;
    int64_t length, batch;
    int steps;
} setting;

/* A way to run the model: what was predicted of it, and its steps. */
typedef struct subject {
    char name[NAME];
    const char *schedule;
    int chunks, microbatches;
    double slack;
    sluice_split split;
    bool recompute[MAX_STAGES];
    sluice_cost stages[MAX_STAGES];
    double again[MAX_STAGES], updates[RANKS];
    sluice_simulation_costs costs; /* points into the above */
    sluice_pipeline *pipeline;
    double predicted, measured[MAX_STEPS];
    int steps;
} subject;

typedef struct comparison {
    setting on;
    sluice_model *model;
    sluice_profile *profile;
    subject subjects[MAX_SUBJECTS]; /* the best plan first */
    int count;
} comparison;

/* ---- plans ---- */

static sluice_status load_tokens(void *context, void *to, int64_t first, int64_t samples) {
    const setting *const on = context;
    for (int64_t k = 0; k < samples * on->length; k++)
        ((int32_t *)to)[k] = (int32_t)((97 * (first * on->length + k)) % 251);
    return SLUICE_OK;
}

static void measure_layers(comparison *c) {
    static const int64_t sizes[SIZES] = {1, 2, 4};
    sluice_profile_options options    = SLUICE_PROFILE_OPTIONS_INIT;
    const sluice_batch_part in[]      = {
             {"inputs", load_tokens, &c->on}, {"targets", load_tokens, &c->on}, {NULL, NULL, NULL}};
    options.ranks            = RANKS;
    options.threads          = 1;
    options.microbatches     = sizes;
    options.microbatch_count = SIZES;
    options.parts            = in;
    bench_check(sluice_profile_measure(&c->profile, c->model, &options));
}

static sluice_plan_result *find_plans(const comparison *c, int runners_up, bool all) {
    sluice_plan_search_options options = SLUICE_PLAN_SEARCH_OPTIONS_INIT;
    sluice_plan_result *result         = NULL;
    options.model                      = c->model;
    options.profile                    = c->profile;
    options.ranks                      = RANKS;
    options.batch                      = c->on.batch;
    options.runners_up                 = runners_up;
    options.exhaustive                 = all;
    bench_check(sluice_plan_search(&result, &options));
    return result;
}

static bool is_in(const comparison *c, const sluice_plan_choice *choice) {
    for (int k = 0; k < c->count; k++)
        if (strcmp(c->subjects[k].schedule, choice->schedule) == 0 &&
            c->subjects[k].microbatches == choice->microbatches)
            return true;
    return false;
}

static void add_choice(comparison *c, const sluice_plan_choice *choice, const char *what) {
    subject *const it = &c->subjects[c->count++];
    *it               = (subject){.schedule     = choice->schedule,
                                  .chunks       = choice->chunks,
                                  .microbatches = choice->microbatches,
                                  .slack        = choice->slack,
                                  .split        = {.stages = choice->stages}};
    for (int s = 0; s < choice->stages; s++) {
        it->split.first[s + 1] = choice->stage[s].last + 1;
        it->recompute[s]       = choice->stage[s].recompute;
    }
    (void)snprintf(it->name, NAME, "%s%s, m %d", choice->schedule, what, choice->microbatches);
}

/* The best and two runners-up, and the three usual schedules with their balanced splits. */
static void choose_plans(comparison *c) {
    static const char *const usual[] = {"gpipe", "1f1b", "zb1p"};
    sluice_plan_result *best = find_plans(c, 2, false), *all = find_plans(c, 999, true);
    for (int k = 0; k < best->count; k++)
        if (best->choices[k].ranks == RANKS)
            add_choice(c, &best->choices[k], k == 0 ? " (best)" : " (runner-up)");
    for (int u = 0; u < 3; u++)
        for (int k = 0; k < all->count; k++)
            if (strcmp(all->choices[k].schedule, usual[u]) == 0 && all->choices[k].ranks == RANKS) {
                if (!is_in(c, &all->choices[k])) add_choice(c, &all->choices[k], "");
                break; /* the first one is the fastest */
            }
    sluice_plan_result_free(best);
    sluice_plan_result_free(all);
}

/* The best plan again, with as many layers on each stage. */
static void add_equal_layers(comparison *c) {
    subject *const it = &c->subjects[c->count++];
    const int layers  = sluice_model_layer_count(c->model);
    *it               = c->subjects[0];
    for (int s = 0; s <= it->split.stages; s++) it->split.first[s] = s * layers / it->split.stages;
    (void)snprintf(it->name, NAME, "%s, equal layers, m %d", it->schedule, it->microbatches);
}

/* ---- prediction, and the pipeline ---- */

static sluice_schedule *schedule_of(const subject *it) {
    sluice_schedule_options shape = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_schedule *schedule     = NULL;
    shape.ranks                   = RANKS;
    shape.chunks                  = it->chunks;
    shape.microbatches            = it->microbatches;
    shape.slack                   = it->slack;
    bench_check(sluice_schedule_generate(&schedule, it->schedule, &shape));
    return schedule;
}

static void fill_costs(subject *it, const comparison *c, const sluice_schedule *schedule) {
    const sluice_profile *const p     = c->profile;
    const sluice_profile_table *table = NULL;
    sluice_stage_bytes bytes[MAX_STAGES];
    const sluice_profile_costs arrays = {it->stages, it->again, bytes, it->updates};
    bench_check(sluice_profile_find(&table, p, c->on.batch / it->microbatches));
    bench_check(sluice_profile_stages(&arrays, p, table, &it->split, schedule, 2));
    it->costs = (sluice_simulation_costs){.stages     = it->stages,
                                          .recompute  = it->again,
                                          .updates    = it->updates,
                                          .latency    = p->latency_s,
                                          .bandwidth  = p->bytes_per_s,
                                          .links      = p->links,
                                          .link_count = p->link_count};
}

static void open_subject(subject *it, const comparison *c) {
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_simulation *simulation   = NULL;
    sluice_plan *plan               = NULL;
    sluice_schedule *schedule       = schedule_of(it);
    fill_costs(it, c, schedule);
    options.samples   = c->on.batch;
    options.threads   = 1;
    options.recompute = it->recompute;
    options.costs     = &it->costs;
    bench_check(sluice_pipeline_plan(&plan, c->model, schedule, &it->split, &options));
    bench_check(sluice_program_simulate(&simulation, sluice_plan_program(plan, SLUICE_PLAN_STEP),
                                        &it->costs));
    it->predicted = simulation->step;
    options.costs = NULL; /* the plan has followed them */
    bench_check(sluice_pipeline_open(&it->pipeline, plan, &options));
    sluice_simulation_free(simulation);
    sluice_plan_free(plan);
    sluice_schedule_free(schedule);
}

static void run_step(subject *it, setting *on, bool counts) {
    const sluice_batch batch = {
        .samples       = on->batch,
        .total_weight  = (double)(on->batch * on->length),
        .parts         = {{"inputs", load_tokens, on}, {"targets", load_tokens, on}},
        .learning_rate = 1e-4};
    sluice_result result = {0};
    bench_check(sluice_pipeline_step(&result, it->pipeline, &batch));
    if (counts) it->measured[it->steps++] = result.seconds;
}

/* ---- the tables ---- */

static double median(const subject *it) {
    return bench_median(it->measured, it->steps);
}

static void print_split(const sluice_split *split) {
    for (int s = 0; s < split->stages; s++)
        printf("%s%d", s > 0 ? "," : "", split->first[s + 1] - split->first[s]);
}

static void print_steps(const comparison *c) {
    printf(
        "| plan | layers of stages | predicted, ms | measured, ms | error | 10 %% .. 90 %%, ms |\n"
        "|:--|:--|--:|--:|--:|--:|\n");
    for (int k = 0; k < c->count; k++) {
        const subject *const it = &c->subjects[k];
        printf("| %s | ", it->name);
        print_split(&it->split);
        printf(" | %.1f | %.1f | %+.1f %% | %.1f .. %.1f |\n", 1e3 * it->predicted,
               1e3 * median(it), 100 * (median(it) / it->predicted - 1),
               1e3 * bench_quantile(it->measured, it->steps, 0.1),
               1e3 * bench_quantile(it->measured, it->steps, 0.9));
    }
}

/* Pairs that are measured in the other order than predicted. */
static void print_order(const comparison *c) {
    int pairs = 0, turned = 0;
    printf("\nOrder: ");
    for (int i = 0; i < c->count; i++)
        for (int j = 0; j < c->count; j++) {
            const subject *const a = &c->subjects[i], *const b = &c->subjects[j];
            if (a->predicted >= b->predicted) continue;
            pairs++;
            if (median(a) <= median(b)) continue;
            printf("%s and %s are the other way round (predicted %+.1f %%, measured %+.1f %%); ",
                   a->name, b->name, 100 * (b->predicted / a->predicted - 1),
                   100 * (median(b) / median(a) - 1));
            turned++;
        }
    printf("%d of %d pairs are in the predicted order.\n", pairs - turned, pairs);
}

static void print_gain(const comparison *c) {
    const subject *const best = &c->subjects[0], *const equal = &c->subjects[c->count - 1];
    printf("\nThe automatic split against equal layers, same schedule: a step %.1f %% shorter as "
           "predicted, %.1f %% as measured.\n\n",
           100 * (1 - best->predicted / equal->predicted),
           100 * (1 - median(best) / median(equal)));
}

/* In turn, so that other load on the machine hits all alike; the first steps only warm up. */
static void compare(comparison *c) {
    bench_check(sluice_gpt_model(&c->model, &c->on.config, c->on.length));
    measure_layers(c);
    choose_plans(c);
    add_equal_layers(c);
    for (int k = 0; k < c->count; k++) open_subject(&c->subjects[k], c);
    for (int n = -2; n < c->on.steps; n++)
        for (int k = 0; k < c->count; k++) run_step(&c->subjects[k], &c->on, n >= 0);
    printf("## %s\n\n%lld samples of %lld tokens, %d ranks of one thread, %d steps of each plan in "
           "turn, medians.\n\n",
           c->on.title, (long long)c->on.batch, (long long)c->on.length, RANKS, c->on.steps);
    print_steps(c);
    print_order(c);
    print_gain(c);
    for (int k = 0; k < c->count; k++) sluice_pipeline_close(c->subjects[k].pipeline);
    sluice_profile_free(c->profile);
    sluice_model_free(c->model);
    (void)fflush(stdout);
}

static setting blocks_of_six(const char *title, int64_t vocabulary, int steps) {
    setting on = {.title = title, .length = 256, .batch = 8, .steps = steps};
    bench_check(sluice_gpt_preset(&on.config, "gpt-mini", vocabulary));
    on.config.layers    = 6;
    on.config.width     = 384;
    on.config.heads     = 6;
    on.config.positions = 256;
    return on;
}

int main(int argc, char **argv) {
    static comparison c; /* large */
    const bool quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
    if (argc > 1 && !quick) {
        (void)fprintf(stderr, "usage: plan [--quick]\n");
        return 2;
    }
    bench_begin("Plans: predicted and run");
    if (quick) {
        c.on = (setting){.title = "gpt-nano", .length = 32, .batch = 8, .steps = 3};
        bench_check(sluice_gpt_preset(&c.on.config, "gpt-nano", 256));
        compare(&c);
        return 0;
    }
    c.on = blocks_of_six("(c): 6 blocks of 384, bytes", 256, 20);
    compare(&c);
    c    = (comparison){0};
    c.on = blocks_of_six("(a): 6 blocks of 384, vocabulary of 50304", 50304, 10);
    compare(&c);
    return 0;
}
