/* SPDX-License-Identifier: MIT */
/* test_pipeline.c -- a pipeline's memory, and its failures. */
#include "tests/support/isolated_transport.h"
#include "tests/support/small_gpt.h"

#include <math.h>
#include <stdatomic.h>
#include <unistd.h>

#include "sluice/allocator.h"

/* ---- memory ---- */

static atomic_int allocations;

static void *count_and_resize(void *context, void *block, size_t old_bytes, size_t new_bytes) {
    (void)context;
    (void)old_bytes;
    if (new_bytes > 0) {
        atomic_fetch_add(&allocations, 1);
        return realloc(block, new_bytes);
    }
    free(block);
    return NULL;
}

static void a_step_allocates_nothing(void **state) {
    (void)state;
    const sluice_allocator counting = {count_and_resize, NULL};
    sluice_allocator_set(&counting);
    const setting with        = {"1f1b", 3, 2, 3, 7, true, "adamw", 0, 0, 0};
    sluice_model *model       = make_model(true);
    sluice_pipeline *pipeline = make_pipeline(&with, model);
    const int before          = atomic_load(&allocations);
    if (before == 0) fail_msg("the allocator is not asked at all");
    for (int64_t n = 0; n < 3; n++) {
        sluice_result result;
        double loss;
        const sluice_batch batch = make_batch(7, &n);
        assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
        assert_ok(sluice_pipeline_evaluate(&loss, pipeline, &batch));
    }
    const int during = atomic_load(&allocations) - before;
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    sluice_allocator_set(NULL);
    if (during != 0) fail_msg("%d allocations in three steps and evaluations", during);
}

/* ---- failures ---- */

typedef struct trouble {
    int64_t n, bad_first;
    double sleep_s;
} trouble;

static sluice_status load_badly(void *context, void *to, int64_t first, int64_t samples) {
    trouble *with = context;
    if (first == with->bad_first && with->sleep_s == 0)
        return sluice_fail(SLUICE_E_IO, "the disk is gone");
    if (first == with->bad_first) usleep((useconds_t)(with->sleep_s * 1e6));
    return load_inputs(&with->n, to, first, samples);
}

static sluice_status load_shifted(void *context, void *to, int64_t first, int64_t samples) {
    return load_targets(&((trouble *)context)->n, to, first, samples);
}

static void a_failing_callback_stops_every_rank(void **state) {
    (void)state;
    const setting with        = {"1f1b", 3, 1, 4, 8, true, "adamw", 0, 0, 0};
    sluice_model *model       = make_model(true);
    sluice_pipeline *pipeline = make_pipeline(&with, model);
    trouble bad               = {0, 4, 0};
    const sluice_batch batch  = {
         8, 88, {{"inputs", load_badly, &bad}, {"targets", load_shifted, &bad}}, 1e-3};
    sluice_result result;
    static const char says[] =
        "rank 0, stage 0, 0F2: loading 'inputs' of samples 4 to 5 failed: the disk is gone";
    assert_refused(sluice_pipeline_step(&result, pipeline, &batch), SLUICE_E_CALLBACK, says);
    assert_refused(sluice_pipeline_step(&result, pipeline, &batch), SLUICE_E_CALLBACK, says);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

static void a_deadline_names_the_waiting_rank(void **state) {
    (void)state;
    sluice_model *model             = make_model(false);
    sluice_schedule *schedule       = make_schedule("gpipe", 2, 2);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    options.samples                 = 2;
    options.threads                 = 1;
    options.deadline_s              = 0.2;
    sluice_pipeline *pipeline;
    assert_ok(sluice__pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options,
                                             &small_gpt.parts));
    trouble slow             = {0, 1, 1.0};
    const sluice_batch batch = {
        2, 22, {{"inputs", load_badly, &slow}, {"targets", load_shifted, &slow}}, 1e-3};
    sluice_result result;
    /* In the isolated transport a rank that computes sends nothing meanwhile. */
    const char *says        = small_gpt.parts.transport
                                  ? "rank 1, stage 1, 1RECV_F[01]: no rank finished anything for 0.2 s: "
                                    "rank 1 waits for 1RECV_F[01]; rank 0 is at 0F1"
                                  : "rank 1, stage 1, 1RECV_F1: no rank finished anything for 0.2 s: "
                                    "rank 1 waits for 1RECV_F1; rank 0 is at 0F1";
    const sluice_status got = sluice_pipeline_step(&result, pipeline, &batch);
    if (got != SLUICE_E_DEADLINE || !test_matches(sluice_last_error()->what, says))
        fail_msg("%s: '%s'", sluice_status_name(got), sluice_last_error()->what);
    sluice_pipeline_close(pipeline);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

static void a_loss_that_is_not_finite_updates_nothing(void **state) {
    (void)state;
    const setting with        = {"1f1b", 2, 1, 2, 4, true, "adamw", 0, 0, 0};
    sluice_model *model       = make_model(true);
    sluice_pipeline *pipeline = make_pipeline(&with, model);
    float values[24];
    assert_ok(sluice_pipeline_read_parameter(values, 24, pipeline, "transformer.ln_f.weight"));
    values[3] = NAN;
    assert_ok(sluice_pipeline_write_parameter(pipeline, "transformer.ln_f.weight", values, 24));
    uint64_t before, after;
    assert_ok(sluice_pipeline_digest(&before, pipeline));
    int64_t n                = 0;
    const sluice_batch batch = make_batch(4, &n);
    sluice_result result;
    const sluice_status got = sluice_pipeline_step(&result, pipeline, &batch);
    if (got != SLUICE_E_NONFINITE || !strstr(sluice_last_error()->what, "nothing was updated"))
        fail_msg("%s: %s", sluice_status_name(got), sluice_last_error()->what);
    assert_ok(sluice_pipeline_digest(&after, pipeline));
    if (before != after) fail_msg("the weights changed");
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

static void wrong_calls_are_refused(void **state) {
    (void)state;
    sluice_model *model       = make_model(true);
    const setting with        = {"gpipe", 2, 1, 2, 4, true, "adamw", 0, 0, 0};
    sluice_pipeline *pipeline = make_pipeline(&with, model);
    int64_t n                 = 0;
    sluice_batch batch        = make_batch(5, &n);
    sluice_result result;
    float value = 0;
    assert_refused(sluice_pipeline_step(&result, pipeline, &batch), SLUICE_E_ARGUMENT,
                   "the minibatch has 5 samples, and the pipeline is for 4");
    batch              = make_batch(4, &n);
    batch.total_weight = NAN;
    assert_refused(sluice_pipeline_step(&result, pipeline, &batch), SLUICE_E_ARGUMENT,
                   "the batch's total weight is nan; it must be from 1e-300 to 1e+300");
    assert_refused(sluice_pipeline_read_parameter(&value, 1, pipeline, "wte"), SLUICE_E_ARGUMENT,
                   "there is no parameter 'wte'");
    assert_refused(sluice_pipeline_read_parameter(&value, 1, pipeline, "transformer.ln_f.bias"),
                   SLUICE_E_ARGUMENT, "parameter 'transformer.ln_f.bias' has 24 elements, not 1");
    batch = make_batch(4, &n);
    assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
    sluice_pipeline_close(pipeline);

    sluice_schedule *schedule       = make_schedule("gpipe", 8, 4);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    options.samples                 = 4;
    assert_refused(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options),
                   SLUICE_E_ARGUMENT, "8 stages need as many layers, and there are 7");
    sluice_schedule_free(schedule);
    schedule        = make_schedule("gpipe", 2, 4);
    options.samples = 3;
    assert_refused(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options),
                   SLUICE_E_ARGUMENT, "a minibatch of 3 samples cannot fill 4 micro-batches");
    options.samples            = 4;
    sluice_adamw_config config = SLUICE_ADAMW_CONFIG_INIT;
    config.beta2               = 1;
    options.optimizer_config   = &config;
    assert_refused(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options),
                   SLUICE_E_ARGUMENT, "beta2 is 1; it must be from 0 to 1");
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

int main(int argc, char **argv) {
    small_gpt.parts.transport       = isolated_if_asked(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_allocates_nothing),
        cmocka_unit_test(a_failing_callback_stops_every_rank),
        cmocka_unit_test(a_deadline_names_the_waiting_rank),
        cmocka_unit_test(a_loss_that_is_not_finite_updates_nothing),
        cmocka_unit_test(wrong_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
