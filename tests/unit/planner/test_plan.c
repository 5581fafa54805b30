/* SPDX-License-Identifier: MIT */
/* test_plan.c -- a plan: programs over one region, the arena that is allocated, refusals, and a
 * pipeline opened from it. */
#include <math.h>

#include "tests/support/small_gpt.h"
#include "tests/support/support.h"

#include "runtime/base/text.h"
#include "runtime/executor/executor.h"
#include "sluice/plan.h"

static const sluice_plan_forward single = {"one micro-batch", 1, 3};

static sluice_plan *make_plan(const sluice_model *model, const sluice_schedule *schedule,
                              const sluice_plan_forward *forward) {
    sluice_plan_options options = SLUICE_PLAN_OPTIONS_INIT;
    sluice_plan *plan           = NULL;
    options.samples             = 6;
    options.forwards            = forward;
    options.forward_count       = forward ? 1 : 0;
    assert_ok(sluice_plan_make(&plan, model, schedule, NULL, &options));
    return plan;
}

static void a_third_program_shares_the_region_of_the_step(void **state) {
    (void)state;
    sluice_model *model       = make_model(true);
    sluice_schedule *schedule = make_schedule("1f1b", 2, 4);
    sluice_plan *plan         = make_plan(model, schedule, &single);
    assert_ptr_equal(sluice_plan_model(plan), model);
    assert_int_equal(sluice_plan_program_count(plan), 3);
    assert_string_equal(sluice_plan_program_name(plan, SLUICE_PLAN_STEP), "step");
    assert_string_equal(sluice_plan_program_name(plan, SLUICE_PLAN_EVALUATION), "evaluation");
    assert_string_equal(sluice_plan_program_name(plan, 2), "one micro-batch");
    assert_int_equal(sluice_program_microbatches(sluice_plan_program(plan, 2)), 1);
    assert_int_equal(sluice_program_samples(sluice_plan_program(plan, 2), 0), 3);
    for (int r = 0; r < 2; r++)
        for (int k = 0; k < 3; k++) {
            const sluice_program_bytes step = sluice_program_memory(plan->programs[0], r);
            const sluice_program_bytes own  = sluice_program_memory(plan->programs[k], r);
            assert_int_equal(own.parameters, step.parameters);
            assert_int_equal(own.states, step.states);
            assert_true(sluice_plan_arena(plan, r) >= own.arena);
        }
    sluice_plan_free(plan);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

/* A program of few samples, one of which is larger than all of a step's micro-batches. */
static void the_arena_is_that_of_the_largest_program(void **state) {
    (void)state;
    static const sluice_plan_forward large = {"large", 2, 50};
    sluice_model *model                    = make_model(false);
    sluice_schedule *schedule              = make_schedule("gpipe", 2, 3);
    sluice_plan *small                     = make_plan(model, schedule, NULL),
                *all                       = make_plan(model, schedule, &large);
    for (int r = 0; r < 2; r++) {
        const size_t step     = sluice_program_memory(sluice_plan_program(small, 0), r).arena;
        const size_t expected = sluice_program_memory(sluice_plan_program(all, 2), r).arena;
        assert_int_equal(sluice_plan_arena(small, r), step);
        assert_true(expected > step);
        assert_int_equal(sluice_plan_arena(all, r), expected);
    }
    sluice_plan_free(small);
    sluice_plan_free(all);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

/* The plan is freed before the pipeline; the third program gives the same loss as the second. */
static void a_pipeline_runs_every_program_of_its_plan(void **state) {
    (void)state;
    sluice_model *model             = make_model(true);
    sluice_schedule *schedule       = make_schedule("1f1b", 2, 2);
    sluice_plan *plan               = make_plan(model, schedule, &single);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_pipeline *pipeline       = NULL;
    int64_t n                       = 0;
    double usual = 0, other = 0, before = 0;
    sluice_result result;
    options.samples = 6;
    options.threads = 1;
    assert_ok(sluice_pipeline_open(&pipeline, plan, &options));
    const sluice_program *third = sluice_plan_program(plan, 2);
    sluice_plan_free(plan);
    const sluice_batch batch = make_batch(6, &n);
    for (int turn = 0; turn < 2; turn++) {
        assert_ok(sluice_pipeline_evaluate(&usual, pipeline, &batch));
        assert_ok(sluice__evaluate(&other, pipeline, third, &batch));
        if (fabs(usual - other) > 1e-6 * fabs(usual))
            fail_msg("turn %d: %.9g by the evaluation, %.9g by the third program", turn, usual,
                     other);
        if (usual == before) fail_msg("the step between changed nothing: %.9g", usual);
        before = usual;
        assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
    }
    sluice_pipeline_close(pipeline);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

static void impossible_plans_are_refused(void **state) {
    (void)state;
    sluice_model *model = make_model(false), *open_end = NULL;
    sluice_schedule *schedule      = make_schedule("1f1b", 2, 2);
    sluice_schedule *forward       = make_schedule("forward-only", 2, 2);
    sluice_plan *plan              = NULL;
    sluice_plan_options options    = SLUICE_PLAN_OPTIONS_INIT;
    const sluice_plan_forward none = {"nothing", 0, 1};
    options.samples                = 6;
    assert_ok(sluice_model_create(&open_end, &(sluice_shape){SLUICE_TYPE_F32, 1, {1}}));
    assert_refused(sluice_plan_make(&plan, open_end, schedule, NULL, &options), SLUICE_E_ARGUMENT,
                   "the model of 0 layers does not end with a loss");
    assert_refused(sluice_plan_make(&plan, model, forward, NULL, &options), SLUICE_E_ARGUMENT,
                   "schedule 'forward-only' has no backward actions");
    options.memory_limit = 4096;
    assert_int_equal(sluice_plan_make(&plan, model, schedule, NULL, &options),
                     SLUICE_E_DEVICE_MEMORY);
    if (!strstr(sluice_last_error()->what, "more than the limit of 4.00 KiB per rank"))
        fail_msg("'%s'", sluice_last_error()->what);
    options.memory_limit  = 0;
    options.forwards      = &none;
    options.forward_count = 1;
    assert_refused(sluice_plan_make(&plan, model, schedule, NULL, &options), SLUICE_E_ARGUMENT,
                   "program 'nothing' has 0 micro-batches of 1 samples; it needs at least 1 of 1");
    options.size = 0;
    assert_refused(sluice_plan_make(&plan, model, schedule, NULL, &options), SLUICE_E_ARGUMENT,
                   "plan options of 0 bytes are not known");
    assert_null(plan);
    sluice_schedule_free(forward);
    sluice_schedule_free(schedule);
    sluice_model_free(open_end);
    sluice_model_free(model);
}

/* The most bytes of any rank's arena; `limit` 0: none. */
static sluice_status largest_arena(size_t *largest, const sluice_model *model, bool again,
                                   size_t limit) {
    const bool recompute[2]     = {again, again};
    sluice_schedule *schedule   = make_schedule("1f1b", 2, 2);
    sluice_plan_options options = SLUICE_PLAN_OPTIONS_INIT;
    sluice_plan *plan           = NULL;
    options.samples             = 6;
    options.recompute           = recompute;
    options.memory_limit        = limit;
    const sluice_status status  = sluice_plan_make(&plan, model, schedule, NULL, &options);
    *largest                    = 0;
    for (int r = 0; r < 2 && status == SLUICE_OK; r++)
        if (sluice_plan_arena(plan, r) > *largest) *largest = sluice_plan_arena(plan, r);
    sluice_plan_free(plan);
    sluice_schedule_free(schedule);
    return status;
}

/* Recomputation is named, with its bytes on the largest rank, exactly where it fits. */
static void a_remedy_that_is_named_fits(void **state) {
    (void)state;
    sluice_model *model = make_model(false);
    size_t plain, again, none;
    char expected[96], size[32];
    assert_ok(largest_arena(&plain, model, false, 0));
    assert_ok(largest_arena(&again, model, true, 0));
    assert_true(again < plain);
    (void)snprintf(expected, sizeof expected, "recompute every stage (%s)",
                   sluice__bytes_text(size, again));
    for (int fits = 0; fits < 2; fits++) {
        const size_t limit = fits ? again : again - 1;
        assert_int_equal(largest_arena(&none, model, false, limit), SLUICE_E_DEVICE_MEMORY);
        const bool named = strstr(sluice_last_error()->hint, expected) != NULL;
        if (named != (fits == 1) ||
            (!fits && strstr(sluice_last_error()->hint, "recompute every stage (")))
            fail_msg("%s takes %zu bytes, the limit is %zu, and the hint is '%s'", expected, again,
                     limit, sluice_last_error()->hint);
    }
    sluice_model_free(model);
}

static void a_pipeline_refuses_a_plan_for_something_else(void **state) {
    (void)state;
    sluice_model *model             = make_model(false);
    sluice_schedule *schedule       = make_schedule("1f1b", 2, 2);
    sluice_plan_options planned     = SLUICE_PLAN_OPTIONS_INIT;
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_pipeline *pipeline       = NULL;
    sluice_plan *plan               = NULL;
    planned.samples = options.samples = 6;
    planned.queues                    = SLUICE_QUEUES_PER_RANK;
    assert_ok(sluice_plan_make(&plan, model, schedule, NULL, &planned));
    assert_refused(sluice_pipeline_open(&pipeline, plan, &options), SLUICE_E_ARGUMENT,
                   "the plan is for a queue per rank, and transport local has one per channel");
    sluice_plan_free(plan);
    planned.queues    = SLUICE_QUEUES_PER_CHANNEL;
    planned.precision = SLUICE_PRECISION_BF16;
    assert_ok(sluice_plan_make(&plan, model, schedule, NULL, &planned));
    assert_refused(sluice_pipeline_open(&pipeline, plan, &options), SLUICE_E_ARGUMENT,
                   "the plan is for bf16, and the options say fp32");
    sluice_plan_free(plan);
    planned.precision = options.precision = SLUICE_PRECISION_TF32;
    assert_ok(sluice_plan_make(&plan, model, schedule, NULL, &planned));
    assert_refused(sluice_pipeline_open(&pipeline, plan, &options), SLUICE_E_UNSUPPORTED,
                   "device cpu does not compute in tf32");
    sluice_plan_free(plan);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_third_program_shares_the_region_of_the_step),
        cmocka_unit_test(the_arena_is_that_of_the_largest_program),
        cmocka_unit_test(a_pipeline_runs_every_program_of_its_plan),
        cmocka_unit_test(impossible_plans_are_refused),
        cmocka_unit_test(a_remedy_that_is_named_fits),
        cmocka_unit_test(a_pipeline_refuses_a_plan_for_something_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
