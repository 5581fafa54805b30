/* SPDX-License-Identifier: MIT */
/* test_split_search.c -- the search against all splits whose plans fit; estimates, devices,
 * refusals. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "runtime/planner/split_problem.h"
#include "sluice/bars.h"
#include "sluice/gpt2.h"
#include "sluice/plan.h"

enum { TRIALS = 120, MAX_RANKS = 3 };

static sluice_schedule *generate(const char *name, int ranks, int microbatches) {
    sluice_schedule_options options = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_schedule *schedule;
    options.ranks        = ranks;
    options.microbatches = microbatches;
    assert_ok(sluice_schedule_generate(&schedule, name, &options));
    return schedule;
}

static sluice_model *make_gpt(int width, int blocks, int vocabulary) {
    const sluice_gpt_config config = {vocabulary, 32, width, blocks, 2, true, 0};
    sluice_model *model;
    assert_ok(sluice_gpt_model(&model, &config, 32));
    return model;
}

/* ---- all splits ---- */

typedef struct all_splits {
    sluice__split_problem problem;
    double best; /* seconds of the best one whose plan fits; INFINITY: none */
    int count, fitting;
} all_splits;

static double value_of(const sluice__split_problem *p, const sluice_split *split) {
    sluice_partition_load loads[MAX_RANKS];
    double value = 0;
    assert_ok(sluice_partition_loads(loads, &p->partition, split));
    for (int r = 0; r < p->ranks; r++) value = fmax(value, loads[r].seconds);
    return value;
}

static void look_at(all_splits *all, const sluice_split *split) {
    size_t bytes[MAX_RANKS];
    assert_ok(sluice__split_bytes(bytes, &all->problem, split));
    all->count++;
    if (sluice__split_short_rank(&all->problem, bytes) >= 0) return;
    all->fitting++;
    all->best = fmin(all->best, value_of(&all->problem, split));
}

/* Cuts of stages s .. in all ways. */
static void enumerate(all_splits *all, sluice_split *split, int s) {
    if (s == split->stages) {
        look_at(all, split);
        return;
    }
    for (int l = split->first[s - 1] + 1; l <= all->problem.layers - (split->stages - s); l++) {
        split->first[s] = l;
        enumerate(all, split, s + 1);
    }
}

/* Nothing is found below the best, and the best just above it. */
static void check_proof(const all_splits *all) {
    static sluice_split split;
    bool proven, found;
    assert_ok(sluice__split_prove(&proven, &found, &split, &all->problem, all->best));
    if (!proven || found) fail_msg("%g s are the best, and something is below them", all->best);
    if (isinf(all->best)) return;
    assert_ok(sluice__split_prove(&proven, &found, &split, &all->problem, all->best * 1.000001));
    if (!found || value_of(&all->problem, &split) > all->best * (1 + 1e-9))
        fail_msg("a split of %g s is not found", all->best);
}

static all_splits try_all(const sluice_schedule *schedule, const sluice_split_options *options) {
    static sluice_split split;
    all_splits all = {.best = INFINITY};
    assert_ok(sluice__split_problem_make(&all.problem, schedule, options));
    split.stages              = sluice_schedule_stages(schedule);
    split.first[0]            = 0;
    split.first[split.stages] = all.problem.layers;
    enumerate(&all, &split, 1);
    check_proof(&all);
    sluice__split_problem_free(&all.problem);
    return all;
}

/* ---- the search against them ---- */

typedef struct tally {
    int fit, refused, best, proven;
} tally;

static void compare(tally *t, int n, const all_splits *all, const sluice_split_result *got) {
    const double near = all->best * (1 + 1e-9);
    for (int r = 0; r < got->ranks; r++)
        if (got->rank[r].limit > 0 && got->rank[r].bytes > got->rank[r].limit)
            fail_msg("trial %d: rank %d has %zu of %zu bytes", n, r, got->rank[r].bytes,
                     got->rank[r].limit);
    if (got->best > near || got->bound > near)
        fail_msg("trial %d: a split takes %g s, and none is said to take less than %g", n,
                 all->best, got->best);
    if (got->is_best && got->value > near)
        fail_msg("trial %d: %g s are called the best, and a split takes %g", n, got->value,
                 all->best);
    t->fit++;
    t->refused += got->refused > 0;
    t->best += got->value <= near;
    t->proven += got->is_best;
}

static void one_trial(tally *t, int n, uint64_t *random) {
    static const char *const names[] = {"1f1b", "gpipe", "zb1p"};
    const int ranks                  = test_random_int(random, 2, MAX_RANKS);
    sluice_split_options options     = SLUICE_SPLIT_OPTIONS_INIT;
    sluice_model *model =
        make_gpt(16 * test_random_int(random, 1, 4), 3, test_random_int(random, 32, 2048));
    sluice_schedule *schedule =
        generate(names[test_random_int(random, 0, 2)], ranks, test_random_int(random, 1, 8));
    sluice_split_result *got   = NULL;
    options.model              = model;
    options.microbatch         = test_random_int(random, 1, 3);
    options.memory_limit       = (size_t)test_random_int(random, 300, 4000) << 10;
    const all_splits all       = try_all(schedule, &options);
    const sluice_status status = sluice_split_search(&got, schedule, &options);
    if (status != (isinf(all.best) ? SLUICE_E_DEVICE_MEMORY : SLUICE_OK))
        fail_msg("trial %d: %d of %d splits fit, and the search says %s", n, all.fitting, all.count,
                 status ? sluice_last_error()->what : "OK");
    if (got) compare(t, n, &all, got);
    sluice_split_result_free(got);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

static void the_search_finds_what_fits(void **state) {
    (void)state;
    uint64_t random = test_seed();
    tally t         = {0};
    for (int n = 0; n < TRIALS; n++) one_trial(&t, n, &random);
    print_message("%d of %d fit: %d after refusals, %d are the best of all, %d proven\n", t.fit,
                  TRIALS, t.refused, t.best, t.proven);
    assert_true(t.fit > 0 && t.best == t.fit && t.proven == t.fit);
}

/* ---- costs ---- */

static void an_estimate_is_work_at_the_rates_of_a_device(void **state) {
    (void)state;
    sluice_model *model = make_gpt(32, 2, 64);
    sluice_device_rates rates;
    sluice_profile_layer *rows, *flops;
    assert_ok(sluice_device_rates_of(&rates, "cuda:0,1", SLUICE_PRECISION_BF16));
    assert_true(rates.flops_per_s > 1e14);
    assert_refused(sluice_device_rates_of(&rates, "cuda", (sluice_precision)SLUICE_PRECISIONS),
                   SLUICE_E_UNSUPPORTED, "precision 3 does not exist");
    assert_refused(sluice_device_rates_of(&rates, "abacus", SLUICE_PRECISION_FP32),
                   SLUICE_E_ARGUMENT, "no rates are known for a device of the kind 'abacus'");
    rates.flops_per_s = 10;
    rates.bytes_per_s = 1e30;
    assert_ok(sluice_model_estimate(&rows, model, 2, SLUICE_PRECISION_FP32, &rates));
    assert_ok(sluice_model_rows(&flops, model, 2, SLUICE_PRECISION_FP32));
    for (int l = 0; l < sluice_model_layer_count(model); l++) {
        assert_true(fabs(rows[l].forward_s - flops[l].forward_s / 10) <= 1e-9 * rows[l].forward_s);
        assert_true(fabs(rows[l].weight_s - flops[l].weight_s / 10) <= 1e-9 * rows[l].weight_s);
        assert_int_equal(rows[l].saved_bytes, flops[l].saved_bytes);
    }
    sluice_model_rows_free(rows, sluice_model_layer_count(model));
    sluice_model_rows_free(flops, sluice_model_layer_count(model));
    sluice_model_free(model);
}

/* The model's rows as a profile whose layers all take a second. */
static sluice_profile_table table_of(sluice_profile_layer *rows, int layers) {
    for (int l = 0; l < layers; l++) {
        rows[l].forward_s = 1;
        rows[l].input_s = rows[l].weight_s = 0;
    }
    return (sluice_profile_table){.microbatch = 2, .layer_count = layers, .layers = rows};
}

static void a_profile_times_the_layers_of_a_model(void **state) {
    (void)state;
    sluice_model *model       = make_gpt(32, 2, 64);
    sluice_schedule *schedule = generate("1f1b", 2, 4);
    const int layers          = sluice_model_layer_count(model);
    sluice_profile_layer *rows;
    sluice_split_result *timed, *estimated;
    sluice_split_options options = SLUICE_SPLIT_OPTIONS_INIT;
    assert_ok(sluice_model_rows(&rows, model, 2, SLUICE_PRECISION_FP32));
    sluice_profile_table table   = table_of(rows, layers);
    const sluice_profile profile = {.device = rows[0].name, .table_count = 1, .tables = &table};
    options.model                = model;
    options.profile              = &profile;
    assert_ok(sluice_split_search(&timed, schedule, &options));
    assert_true(timed->value == ceil(layers / 2.0) && timed->is_best && !timed->is_estimate);
    options.profile    = NULL;
    options.microbatch = 2;
    options.split      = &timed->split;
    assert_ok(sluice_split_search(&estimated, schedule, &options));
    assert_true(estimated->is_estimate);
    for (int r = 0; r < 2; r++) assert_int_equal(timed->rank[r].bytes, estimated->rank[r].bytes);
    options.profile = &profile;
    rows[1].name[0] = 'X';
    sluice_split_result *none;
    assert_refused(sluice_split_search(&none, schedule, &options), SLUICE_E_ARGUMENT,
                   "layer 1 is 'Xransformer.h.0.attn' in the profile of rank 0, and "
                   "'transformer.h.0.attn' in the model");
    sluice_split_result_free(timed);
    sluice_split_result_free(estimated);
    sluice_model_rows_free(rows, layers);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

static void impossible_options_are_refused(void **state) {
    (void)state;
    sluice_schedule *schedule = generate("1f1b", 2, 4);
    sluice_split_result *none;
    sluice_split_options options = SLUICE_SPLIT_OPTIONS_INIT;
    assert_refused(sluice_split_search(&none, schedule, &options), SLUICE_E_ARGUMENT,
                   "there is neither a model nor a profile to split");
    options.size = 0;
    assert_refused(sluice_split_search(&none, schedule, &options), SLUICE_E_ARGUMENT,
                   "split options of 0 bytes are not known");
    sluice_schedule_free(schedule);
}

static void bars_are_finite(void **state) {
    (void)state;
    const double part    = NAN;
    const sluice_bar bar = {.label = "rank 0", .text = "?", .parts = &part, .part_count = 1};
    const sluice_bar_panel panel = {.title = "time", .bars = &bar, .count = 1, .part_text = ""};
    char *picture;
    assert_refused(sluice_bars_svg(&picture, "t", &panel, 1), SLUICE_E_ARGUMENT,
                   "bar 0 of 'time' is negative or not finite");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_search_finds_what_fits),
        cmocka_unit_test(an_estimate_is_work_at_the_rates_of_a_device),
        cmocka_unit_test(a_profile_times_the_layers_of_a_model),
        cmocka_unit_test(impossible_options_are_refused),
        cmocka_unit_test(bars_are_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
