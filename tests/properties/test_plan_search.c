/* SPDX-License-Identifier: MIT */
/* test_plan_search.c -- the plan that is found against the best of all configurations, on random
 * profiles: never worse, and after few of the simulations; and against all splits. */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice/plan_search.h"

#ifndef SLUICE_TRIALS
#define SLUICE_TRIALS 40
#endif
enum { TRIALS = SLUICE_TRIALS, MAX_LAYERS = 10, BATCH = 8, SIZES = 3 };

/* All configurations of a profile take a second or more: fewer profiles. SLUICE_LONG=1: as many. */
static int grids(void) {
    return getenv("SLUICE_LONG") ? TRIALS : TRIALS * 2 / 5;
}

/* ---- profiles ---- */

typedef struct example {
    sluice_profile profile;
    sluice_profile_table tables[SIZES];
    sluice_profile_layer layers[SIZES][MAX_LAYERS];
    char names[MAX_LAYERS][16];
    size_t permanent, saved; /* bytes of all layers, with samples of the batch */
} example;

static double random_share(uint64_t *random, double low, double high) {
    return low + (high - low) * test_random_int(random, 0, 1000) / 1000;
}

/* Larger micro-batches take a little less for each sample. */
static void fill_layer(example *e, int l, uint64_t *random) {
    const double seconds = random_share(random, 0.2, 1) * (test_random_int(random, 0, 5) ? 1 : 4);
    const double weight = random_share(random, 0, 1.2), again = random_share(random, 0.7, 1);
    const size_t parameters = (size_t)test_random_int(random, 1, 400) << 10,
                 saved      = (size_t)test_random_int(random, 1, 400) << 10;
    (void)snprintf(e->names[l], sizeof e->names[l], "l%d", l);
    for (int k = 0; k < SIZES; k++) {
        const double work  = seconds * (0.1 + (1 << k));
        const size_t bytes = saved << k;
        e->layers[k][l]    = (sluice_profile_layer){.name                  = e->names[l],
                                                    .kind                  = e->names[l],
                                                    .forward_s             = work,
                                                    .input_s               = work,
                                                    .weight_s              = weight * work,
                                                    .recompute_s           = again * work,
                                                    .parameter_bytes       = parameters,
                                                    .parameters            = (int64_t)parameters / 4,
                                                    .saved_bytes           = bytes,
                                                    .input_to_weight_bytes = bytes / 4,
                                                    .scratch_bytes         = bytes / 8,
                                                    .output_bytes          = bytes / 8};
    }
    e->permanent += 4 * parameters;
    e->saved += BATCH * saved;
}

static void make(example *e, uint64_t *random) {
    const int layers  = test_random_int(random, 5, MAX_LAYERS);
    *e                = (example){.profile = {.device                 = (char *)"random",
                                              .table_count            = SIZES,
                                              .latency_s              = random_share(random, 0, 0.3),
                                              .bytes_per_s            = random_share(random, 1e5, 1e7),
                                              .update_s_per_parameter = 1e-6,
                                              .overlap                = test_random_int(random, 0, 2) ? 0 : 0.8}};
    e->profile.tables = e->tables;
    for (int l = 0; l < layers; l++) fill_layer(e, l, random);
    for (int k = 0; k < SIZES; k++)
        e->tables[k] = (sluice_profile_table){1 << k, layers, e->layers[k]};
}

/* ---- the search against all ---- */

typedef struct tally {
    int fit, none, shorter; /* than the grid's best, by other splits */
    int64_t moves, simulations, all;
    double worst_share;
} tally;

static void check_choice(int n, const sluice_plan_choice *choice) {
    if (choice->bound > choice->step * (1 + 1e-9))
        fail_msg("profile %d: the bound of %s on %d ranks is %g s, and its step takes %g", n,
                 choice->schedule, choice->ranks, choice->bound, choice->step);
    for (int r = 0; r < choice->ranks; r++)
        if (choice->rank[r].limit > 0 && choice->rank[r].bytes > choice->rank[r].limit)
            fail_msg("profile %d: rank %d has %zu of %zu bytes", n, r, choice->rank[r].bytes,
                     choice->rank[r].limit);
}

static void compare(tally *t, int n, const sluice_plan_result *found,
                    const sluice_plan_result *grid) {
    const double best = grid->choices[0].step, step = found->choices[0].step;
    const double share = (double)found->simulations / (double)grid->simulations;
    for (int k = 0; k < grid->count; k++) check_choice(n, &grid->choices[k]);
    for (int k = 0; k < found->count; k++) check_choice(n, &found->choices[k]);
    if (step > best * (1 + 1e-9) || !found->is_best)
        fail_msg("profile %d: %s on %d ranks takes %g s, and %s on %d ranks %g", n,
                 found->choices[0].schedule, found->choices[0].ranks, step,
                 grid->choices[0].schedule, grid->choices[0].ranks, best);
    t->fit++;
    t->simulations += found->simulations;
    t->moves += found->moves;
    t->shorter += step < best * (1 - 1e-9);
    t->all += grid->simulations;
    t->worst_share = fmax(t->worst_share, share);
    print_message("%2d  %-11s %d ranks x %d, %d micro-batches  %8.3f s  %4d of %5d  %5.1f %%  %2d "
                  "splits  %5.2f %%\n",
                  n, found->choices[0].schedule, found->choices[0].ranks, found->choices[0].chunks,
                  found->choices[0].microbatches, step, found->simulations, grid->simulations,
                  100 * share, found->moves, 100 * (step / best - 1));
}

/* ---- all splits, without bounds ---- */

typedef struct all_splits {
    const sluice_profile *profile;
    const sluice_plan_choice *of; /* whose configuration is split */
    sluice_schedule *schedule;
    sluice_split split;
    double shortest; /* step */
    int count;
} all_splits;

static void simulate_split(all_splits *a) {
    sluice_cost stages[MAX_LAYERS];
    double recompute[MAX_LAYERS], updates[MAX_LAYERS];
    sluice_stage_bytes bytes[MAX_LAYERS];
    const sluice_profile_costs arrays  = {stages, recompute, bytes, updates};
    const sluice_profile *const p      = a->profile;
    const sluice_simulation_costs cost = {.stages    = stages,
                                          .recompute = recompute,
                                          .updates   = updates,
                                          .latency   = p->latency_s,
                                          .bandwidth = p->bytes_per_s,
                                          .overlap   = p->overlap};
    sluice_program_options options     = SLUICE_PROGRAM_OPTIONS_INIT;
    const sluice_profile_table *table  = NULL;
    sluice_program *program            = NULL;
    sluice_simulation *simulation      = NULL;
    assert_ok(sluice_profile_find(&table, p, BATCH / a->of->microbatches));
    assert_ok(sluice_profile_stages(&arrays, p, table, &a->split, a->schedule, 2));
    options.samples = a->of->microbatches;
    options.costs   = &cost;
    options.bytes   = bytes;
    assert_ok(sluice_program_compile(&program, a->schedule, NULL, NULL, &options));
    assert_ok(sluice_program_simulate(&simulation, program, &cost));
    a->shortest = fmin(a->shortest, simulation->step);
    a->count++;
    sluice_simulation_free(simulation);
    sluice_program_free(program);
}

static void split_on(all_splits *a, int stage) {
    const int stages = a->split.stages, layers = a->profile->tables[0].layer_count;
    if (stage == stages) {
        simulate_split(a);
        return;
    }
    for (int begin = a->split.first[stage - 1] + 1; begin <= layers - stages + stage; begin++) {
        a->split.first[stage] = begin;
        split_on(a, stage + 1);
    }
}

/* No split of what is found, and of the runners-up, has a shorter step than the best. */
static int try_splits(int n, const sluice_profile *profile, const sluice_plan_result *found) {
    int count = 0;
    for (int k = 0; k < found->count; k++) {
        const sluice_plan_choice *const of = &found->choices[k];
        sluice_schedule_options shape      = SLUICE_SCHEDULE_OPTIONS_INIT;
        all_splits a                       = {profile, of, .shortest = INFINITY};
        shape.ranks                        = of->ranks;
        shape.chunks                       = of->chunks;
        shape.microbatches                 = of->microbatches;
        shape.slack                        = of->slack;
        a.split.stages                     = of->stages;
        a.split.first[of->stages]          = profile->tables[0].layer_count;
        assert_ok(sluice_schedule_generate(&a.schedule, of->schedule, &shape));
        split_on(&a, 1);
        sluice_schedule_free(a.schedule);
        count += a.count;
        if (a.shortest < found->choices[0].step * (1 - 1e-8))
            fail_msg("profile %d: the plan takes %g s, and a split of %s on %d ranks %g", n,
                     found->choices[0].step, of->schedule, of->ranks, a.shortest);
    }
    return count;
}

/* The bounds of runners-up hold, too. */
static void with_runners_up(int n, const sluice_plan_search_options *alone) {
    sluice_plan_search_options options = *alone;
    sluice_plan_result *found          = NULL;
    options.runners_up                 = 3;
    assert_ok(sluice_plan_search(&found, &options));
    for (int k = 0; k < found->count; k++) check_choice(n, &found->choices[k]);
    sluice_plan_result_free(found);
}

static void one_profile(tally *t, int n, uint64_t *random) {
    static example e;
    sluice_plan_search_options options = SLUICE_PLAN_SEARCH_OPTIONS_INIT;
    sluice_plan_result *found = NULL, *grid = NULL;
    make(&e, random);
    options.profile    = &e.profile;
    options.ranks      = test_random_int(random, 2, 4);
    options.batch      = BATCH;
    options.max_chunks = 2;
    options.runners_up = 0;
    options.effort     = 1 << 20;
    const double share = random_share(random, 0.4, 1.6) / options.ranks;
    options.memory_limit =
        test_random_int(random, 0, 3) == 0 ? 0 : (size_t)(share * (double)(e.permanent + e.saved));
    const sluice_status status = sluice_plan_search(&found, &options);
    options.exhaustive         = true;
    if (sluice_plan_search(&grid, &options) != status)
        fail_msg("profile %d: the search says %d, and the grid otherwise", n, (int)status);
    if (status == SLUICE_OK) {
        compare(t, n, found, grid);
        options.exhaustive = false;
        with_runners_up(n, &options);
    } else {
        t->none++;
    }
    sluice_plan_result_free(found);
    sluice_plan_result_free(grid);
}

static void the_plan_is_the_best_of_the_grid(void **state) {
    (void)state;
    uint64_t random = test_seed();
    tally t         = {0};
    for (int n = 0; n < grids(); n++) one_profile(&t, n, &random);
    print_message("%d fit, %d do not: %lld of %lld simulations, at most %.1f %% of a profile's\n",
                  t.fit, t.none, (long long)t.simulations, (long long)t.all, 100 * t.worst_share);
    print_message("other splits: %lld simulations more, %d steps shorter than the grid's best\n",
                  (long long)t.moves, t.shorter);
    assert_true(t.fit > grids() / 2);
    if (t.shorter == 0) fail_msg("no other split ever shortened a step");
    if (10 * t.simulations > t.all)
        fail_msg("%lld of %lld simulations are more than a tenth", (long long)t.simulations,
                 (long long)t.all);
}

/* Without limits the search proves it, and all splits of the plans that it keeps show it. */
static void no_split_is_faster(void **state) {
    (void)state;
    static example e;
    uint64_t random = test_seed();
    int splits      = 0;
    for (int n = 0; n < TRIALS; n++) {
        sluice_plan_search_options options = SLUICE_PLAN_SEARCH_OPTIONS_INIT;
        sluice_plan_result *found          = NULL;
        make(&e, &random);
        options.profile    = &e.profile;
        options.ranks      = test_random_int(&random, 2, 4);
        options.batch      = BATCH;
        options.max_chunks = 2;
        options.effort     = 1 << 20;
        assert_ok(sluice_plan_search(&found, &options));
        if (!found->is_best_split) fail_msg("profile %d: the plan is not proven the best", n);
        splits += try_splits(n, &e.profile, found);
        sluice_plan_result_free(found);
    }
    print_message("%d splits of plans that were kept: none is faster than the best\n", splits);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_plan_is_the_best_of_the_grid),
                                       cmocka_unit_test(no_split_is_faster)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
