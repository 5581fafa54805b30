/* SPDX-License-Identifier: MIT */
/* test_inference.c -- plans and pipelines that only go forward: what is in their arenas, the losses
 * that they compute, and what they refuse. */
#include <math.h>

#include "tests/support/small_gpt.h"
#include "tests/support/support.h"

#include "sluice/plan.h"

enum { SAMPLES = 6, WORDS = VOCABULARY * 24 /* elements of the embedding */ };

static sluice_plan *make_plan(const sluice_model *model, int ranks, int microbatches) {
    sluice_schedule *schedule   = make_schedule("forward-only", ranks, microbatches);
    sluice_plan_options options = SLUICE_PLAN_OPTIONS_INIT;
    sluice_plan *plan           = NULL;
    options.samples             = SAMPLES;
    options.inference           = true;
    assert_ok(sluice_plan_make(&plan, model, schedule, NULL, &options));
    sluice_schedule_free(schedule);
    return plan;
}

static sluice_pipeline *open_pipeline(const sluice_model *model, int ranks, int microbatches) {
    sluice_plan *plan               = make_plan(model, ranks, microbatches);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_pipeline *pipeline       = NULL;
    options.samples                 = SAMPLES;
    options.threads                 = 1;
    options.inference               = true;
    assert_ok(sluice_pipeline_open(&pipeline, plan, &options));
    sluice_plan_free(plan);
    return pipeline;
}

/* Bytes of the parameters of the program's rank, each once. */
static size_t parameter_bytes(const sluice_program *program, int rank) {
    size_t bytes = 0;
    for (int k = 0; k < program->rank[rank].value_count; k++)
        bytes += sluice__align((size_t)program->rank[rank].values[k].count * sizeof(float));
    return bytes;
}

static void an_arena_holds_parameters_and_what_forwards_need(void **state) {
    (void)state;
    for (int ranks = 1; ranks <= 3; ranks++) {
        sluice_model *model = make_model(ranks > 1);
        sluice_plan *plan   = make_plan(model, ranks, 2);
        assert_int_equal(sluice_plan_program_count(plan), 1);
        assert_string_equal(sluice_plan_program_name(plan, 0), "evaluation");
        for (int r = 0; r < ranks; r++) {
            const sluice_program *const program = sluice_plan_program(plan, 0);
            const sluice_program_bytes bytes    = sluice_program_memory(program, r);
            const size_t losses                 = sluice__align(2 * sizeof(double));
            assert_int_equal(bytes.gradients, 0);
            assert_int_equal(bytes.states, 0);
            assert_int_equal(bytes.bookkeeping, losses);
            assert_int_equal(bytes.at_peak[SLUICE_ROLE_STASH], 0);
            assert_int_equal(bytes.at_peak[SLUICE_ROLE_SAVED_INPUT], 0);
            assert_int_equal(bytes.at_peak[SLUICE_ROLE_SAVED_WEIGHT], 0);
            const size_t wanted = parameter_bytes(program, r) + losses + bytes.transient;
            if (sluice_plan_arena(plan, r) != wanted)
                fail_msg("%d ranks, rank %d: an arena of %zu bytes; parameters, losses and "
                         "activations are %zu",
                         ranks, r, sluice_plan_arena(plan, r), wanted);
        }
        sluice_plan_free(plan);
        sluice_model_free(model);
    }
}

static double evaluate(sluice_pipeline *pipeline, int64_t samples) {
    int64_t n                = 7;
    double loss              = 0;
    const sluice_batch batch = make_batch(samples, &n);
    assert_ok(sluice_pipeline_evaluate(&loss, pipeline, &batch));
    return loss;
}

static void the_loss_is_that_of_a_pipeline_that_trains(void **state) {
    (void)state;
    for (int ranks = 1; ranks <= 3; ranks++) {
        const setting with        = {"1f1b", ranks, 1, 2, SAMPLES, true, "adamw", 0, 0, 0};
        sluice_model *model       = make_model(true);
        sluice_pipeline *trains   = make_pipeline(&with, model);
        sluice_pipeline *forwards = open_pipeline(model, ranks, 2);
        for (int64_t samples = 1; samples <= 2 * SAMPLES + 1; samples += 4) {
            const double one = evaluate(trains, samples), other = evaluate(forwards, samples);
            if (memcmp(&one, &other, sizeof one) != 0)
                fail_msg("%d ranks, %d samples: %.17g, and one that trains has %.17g", ranks,
                         (int)samples, other, one);
        }
        sluice_pipeline_close(forwards);
        sluice_pipeline_close(trains);
        sluice_model_free(model);
    }
}

/* A tied parameter is on the first rank and the last. */
static void parameters_are_read_and_written(void **state) {
    (void)state;
    sluice_model *model       = make_model(true);
    sluice_pipeline *pipeline = open_pipeline(model, 3, 2);
    float values[WORDS], again[WORDS];
    const double before = evaluate(pipeline, SAMPLES);
    assert_int_equal(sluice_pipeline_state_count(pipeline), sluice_model_use_count(model) - 1);
    assert_ok(sluice_pipeline_read_parameter(values, WORDS, pipeline, "transformer.wte.weight"));
    for (int k = 0; k < WORDS; k++) values[k] *= 2;
    assert_ok(sluice_pipeline_write_parameter(pipeline, "transformer.wte.weight", values, WORDS));
    assert_ok(sluice_pipeline_read_parameter(again, WORDS, pipeline, "transformer.wte.weight"));
    assert_memory_equal(values, again, sizeof values);
    if (evaluate(pipeline, SAMPLES) == before) fail_msg("a parameter is not what it was set to");
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* What is read from a file first need not be drawn. */
static void parameters_may_be_zero_at_first(void **state) {
    (void)state;
    sluice_model *model             = make_model(true);
    sluice_schedule *schedule       = make_schedule("forward-only", 2, 2);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_pipeline *pipeline       = NULL;
    float values[WORDS], gain[24];
    options.samples         = SAMPLES;
    options.inference       = true;
    options.zero_parameters = true;
    assert_ok(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options));
    assert_ok(sluice_pipeline_read_parameter(values, WORDS, pipeline, "transformer.wte.weight"));
    assert_ok(sluice_pipeline_read_parameter(gain, 24, pipeline, "transformer.ln_f.weight"));
    for (int k = 0; k < WORDS; k++) assert_true(values[k] == 0);
    for (int k = 0; k < 24; k++) assert_true(gain[k] == 0);
    sluice_pipeline_close(pipeline);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

static void a_step_is_refused(void **state) {
    (void)state;
    sluice_model *model       = make_model(true);
    sluice_pipeline *pipeline = open_pipeline(model, 2, 2);
    int64_t n                 = 0;
    sluice_result result;
    const sluice_batch batch = make_batch(SAMPLES, &n);
    assert_refused(sluice_pipeline_step(&result, pipeline, &batch), SLUICE_E_ARGUMENT,
                   "the pipeline is for inference: it has no gradients and no optimizer state, and "
                   "cannot train");
    (void)evaluate(pipeline, SAMPLES); /* it goes on */
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    sluice_model *model             = make_model(true);
    sluice_schedule *trains         = make_schedule("1f1b", 2, 2);
    sluice_plan *plan               = NULL;
    sluice_pipeline *pipeline       = NULL;
    sluice_plan_options options     = SLUICE_PLAN_OPTIONS_INIT;
    sluice_pipeline_options to_open = SLUICE_PIPELINE_OPTIONS_INIT;
    options.samples = to_open.samples = SAMPLES;
    options.inference                 = true;
    assert_refused(sluice_plan_make(&plan, model, trains, NULL, &options), SLUICE_E_ARGUMENT,
                   "schedule '1f1b' has backward actions, and the plan is for inference");
    plan = make_plan(model, 2, 2);
    assert_refused(sluice_pipeline_open(&pipeline, plan, &to_open), SLUICE_E_ARGUMENT,
                   "the plan is for inference, and the options are for training");
    assert_null(pipeline);
    sluice_plan_free(plan);
    sluice_schedule_free(trains);
    sluice_model_free(model);
}

/* A program that the caller adds is on the same parameters. */
static void further_programs_share_the_region(void **state) {
    (void)state;
    static const sluice_plan_forward single = {"one micro-batch", 1, 3};
    sluice_model *model                     = make_model(false);
    sluice_schedule *schedule               = make_schedule("forward-only", 2, 3);
    sluice_pipeline_options options         = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_plan *plan                       = NULL;
    sluice_pipeline *pipeline               = NULL;
    options.samples                         = SAMPLES;
    options.threads                         = 1;
    options.inference                       = true;
    options.forwards                        = &single;
    options.forward_count                   = 1;
    assert_ok(sluice_pipeline_plan(&plan, model, schedule, NULL, &options));
    assert_int_equal(sluice_plan_program_count(plan), 2);
    assert_string_equal(sluice_plan_program_name(plan, 1), "one micro-batch");
    assert_ok(sluice_pipeline_open(&pipeline, plan, &options));
    const sluice_program *const second = sluice_plan_program(plan, 1);
    double usual = evaluate(pipeline, SAMPLES), other = 0;
    int64_t n                = 7;
    const sluice_batch batch = make_batch(SAMPLES, &n);
    assert_ok(sluice__evaluate(&other, pipeline, second, &batch));
    if (fabs(usual - other) > 1e-6 * fabs(usual))
        fail_msg("%.9g by the evaluation, %.9g by the other program", usual, other);
    sluice_pipeline_close(pipeline);
    sluice_plan_free(plan);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arena_holds_parameters_and_what_forwards_need),
        cmocka_unit_test(the_loss_is_that_of_a_pipeline_that_trains),
        cmocka_unit_test(parameters_are_read_and_written),
        cmocka_unit_test(parameters_may_be_zero_at_first),
        cmocka_unit_test(a_step_is_refused),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(further_programs_share_the_region),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
