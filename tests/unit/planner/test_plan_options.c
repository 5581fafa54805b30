/* SPDX-License-Identifier: MIT */
/* test_plan_options.c -- options of a search for a plan: bits, ranks, threads, a brief refusal. */
#include "tests/support/support.h"

#include <math.h>
#include <string.h>

#include "sluice/device.h"
#include "sluice/gpt2.h"
#include "sluice/plan_search.h"

static sluice_model *model;

static int make_model(void **state) {
    const sluice_gpt_config config = {64, 32, 32, 4, 2, true, 0};
    (void)state;
    assert_ok(sluice_gpt_model(&model, &config, 32));
    return 0;
}

static int free_model(void **state) {
    (void)state;
    sluice_model_free(model);
    return 0;
}

static sluice_plan_search_options usual_options(void) {
    sluice_plan_search_options options = SLUICE_PLAN_SEARCH_OPTIONS_INIT;
    options.model                      = model;
    options.ranks                      = 2;
    options.batch                      = 8;
    options.microbatches               = 8;
    options.runners_up                 = 20;
    return options;
}

static int count_others(const sluice_plan_result *result) {
    int others = 0;
    for (int k = 0; k < result->count; k++) {
        sluice_schedule_description about;
        assert_ok(sluice_schedule_describe(&about, result->choices[k].schedule));
        others += !about.ascending;
    }
    return others;
}

static void schedules_of_other_bits_are_left_out(void **state) {
    (void)state;
    sluice_plan_search_options options = usual_options();
    sluice_plan_result *result;
    assert_ok(sluice_plan_search(&result, &options));
    assert_int_equal(count_others(result), 2);
    sluice_plan_result_free(result);
    options.ascending = true;
    assert_ok(sluice_plan_search(&result, &options));
    assert_int_equal(count_others(result), 0);
    assert_true(result->count > 4);
    sluice_plan_result_free(result);
}

static void fewer_ranks_are_left_out(void **state) {
    (void)state;
    sluice_plan_search_options options = usual_options();
    sluice_plan_result *result;
    options.min_ranks = 2;
    assert_ok(sluice_plan_search(&result, &options));
    for (int k = 0; k < result->count; k++) assert_int_equal(result->choices[k].ranks, 2);
    sluice_plan_result_free(result);
    options.min_ranks = 3;
    assert_int_equal(sluice_plan_search(&result, &options), SLUICE_E_ARGUMENT);
}

static double seconds_on_one_rank(int threads) {
    sluice_plan_search_options options = usual_options();
    sluice_plan_result *result;
    options.ranks   = 1;
    options.threads = threads;
    assert_ok(sluice_plan_search(&result, &options));
    const double seconds = result->choices[0].step;
    sluice_plan_result_free(result);
    return seconds;
}

static void threads_make_a_rank_faster(void **state) {
    (void)state;
    double two, gpu;
    assert_ok(sluice_device_speedup(&two, "cpu", 2));
    assert_ok(sluice_device_speedup(&gpu, "cuda:0", 2));
    assert_refused(sluice_device_speedup(&gpu, "abacus", 2), SLUICE_E_ARGUMENT,
                   "no rates are known for a device of the kind 'abacus'");
    if (!(two > 1.5 && two < 2 && gpu == 1)) fail_msg("2 threads: %g and %g times", two, gpu);
    const double one = seconds_on_one_rank(1);
    if (fabs(seconds_on_one_rank(2) * two - one) > 1e-9 * one || seconds_on_one_rank(0) != one)
        fail_msg("a step takes %g s, on two threads %g", one, seconds_on_one_rank(2));
}

static void a_brief_refusal_plans_nothing_else(void **state) {
    (void)state;
    sluice_plan_search_options options = usual_options();
    sluice_plan_result *result;
    options.memory_limit = 1 << 17;
    options.brief        = true;
    assert_int_equal(sluice_plan_search(&result, &options), SLUICE_E_DEVICE_MEMORY);
    const char *hint = sluice_last_error()->hint;
    if (strncmp(hint, "these fit: ", 11) != 0 || strstr(hint, ", or ")) fail_msg("'%s'", hint);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(schedules_of_other_bits_are_left_out),
                                       cmocka_unit_test(fewer_ranks_are_left_out),
                                       cmocka_unit_test(threads_make_a_rank_faster),
                                       cmocka_unit_test(a_brief_refusal_plans_nothing_else)};
    return cmocka_run_group_tests(tests, make_model, free_model);
}
