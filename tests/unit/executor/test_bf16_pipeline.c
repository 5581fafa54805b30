/* SPDX-License-Identifier: MIT */
/* test_bf16_pipeline.c -- a bf16 pipeline with the caller's floats, with numbers that bf16 cannot
 * represent, and on devices without bf16. */
#include "sluice/gpt2.h"
#include "tests/support/bf16_device.h"
#include "tests/support/plain_loop.h"

#include <float.h>
#include <math.h>

#include "runtime/executor/executor.h"

enum { WIDTH = 6, SAMPLES = 7, MICROBATCHES = 3, COUNT = SAMPLES * WIDTH };

static sluice_model *make_model(void) {
    sluice_model *model;
    const sluice_linear_config linear = {.inputs = WIDTH, .outputs = WIDTH};
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {WIDTH}}));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &linear, "first"));
    assert_ok(sluice_model_add(model, sluice_layer_relu(), NULL, "relu"));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &linear, "second"));
    assert_ok(sluice_model_add(model, sluice_layer_squared_error(), NULL, "error"));
    return model;
}

/* ---- minibatches: floats in fp32, whatever the precision ---- */

typedef struct numbers {
    float inputs[COUNT], targets[COUNT];
} numbers;

static numbers make_numbers(void) {
    uint64_t random = test_seed();
    numbers made;
    for (int k = 0; k < COUNT; k++) {
        made.inputs[k]  = (float)test_random_int(&random, -1000000, 1000000) * 1e-6F;
        made.targets[k] = (float)test_random_int(&random, -1000000, 1000000) * 1e-6F;
    }
    return made;
}

static float rounded(float value) {
    const uint32_t bits = (uint32_t)bf16_nearest(value) << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

static sluice_status load(void *context, void *to, int64_t first, int64_t samples) {
    const float *const from = context;
    memcpy(to, from + first * WIDTH, (size_t)samples * WIDTH * sizeof *from);
    return SLUICE_OK;
}

static sluice_batch batch_of(numbers *from) {
    return (sluice_batch){
        SAMPLES, SAMPLES, {{"inputs", load, from->inputs}, {"targets", load, from->targets}}, 1e-2};
}

/* ---- pipelines ---- */

static sluice_status try_pipeline(sluice_pipeline **out, const sluice_model *model, int ranks,
                                  sluice_precision precision, size_t limit) {
    sluice_schedule_options shape   = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    const sluice__parts parts       = {.device = bf16_device()};
    sluice_schedule *schedule;
    shape.ranks        = ranks;
    shape.microbatches = MICROBATCHES;
    assert_ok(sluice_schedule_generate(&schedule, "1f1b", &shape));
    options.samples      = SAMPLES;
    options.threads      = 1;
    options.precision    = precision;
    options.memory_limit = limit;
    const sluice_status status =
        sluice__pipeline_plan_and_open(out, model, schedule, NULL, &options, &parts);
    sluice_schedule_free(schedule);
    return status;
}

typedef struct outcome {
    double loss, norm, held_out;
    uint64_t digest;
} outcome;

static outcome train(numbers *from, int ranks, sluice_precision precision) {
    sluice_model *const model = make_model();
    const sluice_batch batch  = batch_of(from);
    sluice_pipeline *pipeline = NULL;
    sluice_result result;
    outcome out;
    assert_ok(try_pipeline(&pipeline, model, ranks, precision, 0));
    for (int n = 0; n < 3; n++) assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
    assert_ok(sluice_pipeline_evaluate(&out.held_out, pipeline, &batch));
    assert_ok(sluice_pipeline_digest(&out.digest, pipeline));
    out.loss = result.loss;
    out.norm = result.norm;
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    return out;
}

static outcome train_plainly(const numbers *from) {
    static const int64_t sizes[] = {3, 2, 2}, held_out[] = {3, 3, 1};
    sluice_model *const model             = make_model();
    const sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    plain_batch batch = {from->inputs, from->targets, sizes, MICROBATCHES, SAMPLES};
    plain_loop loop   = plain_loop_open_in(model, bf16_device(), SLUICE_PRECISION_BF16, 1, 1);
    const sluice_adamw_config usual = SLUICE_ADAMW_CONFIG_INIT;
    const sluice_adamw update       = {.learning_rate = 1e-2,
                                       .weight_decay  = usual.weight_decay,
                                       .beta1         = usual.beta1,
                                       .beta2         = usual.beta2,
                                       .epsilon       = usual.epsilon};
    outcome out                     = {0};
    for (int n = 0; n < 3; n++) {
        out.loss = plain_loop_step(&loop, &batch);
        out.norm = plain_loop_update(&loop, &update, options.clip);
    }
    batch.sizes  = held_out;
    out.held_out = plain_loop_evaluate(&loop, &batch);
    out.digest   = plain_loop_digest(&loop);
    plain_loop_close(&loop);
    sluice_model_free(model);
    return out;
}

static bool are_same(const outcome *a, const outcome *b) {
    return a->loss == b->loss && a->norm == b->norm && a->held_out == b->held_out &&
           a->digest == b->digest;
}

static void float_inputs_enter_rounded(void **state) {
    (void)state;
    numbers exact = make_numbers(), narrow = exact;
    for (int k = 0; k < COUNT; k++) narrow.inputs[k] = rounded(exact.inputs[k]);
    const outcome plain = train_plainly(&exact);
    for (int ranks = 1; ranks <= 4; ranks++) {
        const outcome given = train(&exact, ranks, SLUICE_PRECISION_BF16);
        const outcome other = train(&narrow, ranks, SLUICE_PRECISION_BF16);
        if (!are_same(&plain, &given))
            fail_msg("%d ranks: loss %.17g, a plain loop has %.17g", ranks, given.loss, plain.loss);
        if (!are_same(&given, &other)) fail_msg("%d ranks: inputs are not rounded", ranks);
    }
    const outcome given = train(&exact, 2, SLUICE_PRECISION_FP32);
    const outcome other = train(&narrow, 2, SLUICE_PRECISION_FP32);
    if (are_same(&given, &other)) fail_msg("inputs are rounded in fp32, too");
}

static void targets_stay_floats(void **state) {
    (void)state;
    numbers exact = make_numbers(), narrow = exact;
    for (int k = 0; k < COUNT; k++) narrow.targets[k] = rounded(exact.targets[k]);
    const outcome given = train(&exact, 2, SLUICE_PRECISION_BF16);
    const outcome other = train(&narrow, 2, SLUICE_PRECISION_BF16);
    if (given.loss == other.loss) fail_msg("targets are rounded: loss %.17g", given.loss);
}

/* ---- numbers that are not finite ---- */

static void expect_nonfinite(sluice_pipeline *pipeline, numbers *from, const char *says) {
    sluice_result result;
    const sluice_batch batch = batch_of(from);
    const sluice_status got  = sluice_pipeline_step(&result, pipeline, &batch);
    if (got != SLUICE_E_NONFINITE || !test_matches(sluice_last_error()->what, says))
        fail_msg("%s: '%s', expected '%s'", sluice_status_name(got), sluice_last_error()->what,
                 says);
}

/* The largest float is infinite in bf16: first as a parameter, then as an input. */
static void an_overflow_in_bf16_is_named(void **state) {
    (void)state;
    numbers from              = make_numbers();
    sluice_model *const model = make_model();
    float bias[WIDTH]         = {0, 0, FLT_MAX};
    sluice_pipeline *pipeline = NULL;
    assert_ok(try_pipeline(&pipeline, model, 3, SLUICE_PRECISION_BF16, 0));
    assert_ok(sluice_pipeline_write_parameter(pipeline, "second.bias", bias, WIDTH));
    expect_nonfinite(
        pipeline, &from,
        "step 1, micro-batch 0: the loss is inf; the first value that is not finite is the output "
        "of layer 'second' \\(stage [12], rank [12]\\); nothing was updated");
    bias[2] = 0;
    assert_ok(sluice_pipeline_write_parameter(pipeline, "second.bias", bias, WIDTH));
    from.inputs[(size_t)4 * WIDTH] = -FLT_MAX;
    expect_nonfinite(pipeline, &from,
                     "step 2, micro-batch 1: the loss is (inf|nan) because the inputs are not "
                     "finite; nothing was updated");
    from.inputs[(size_t)4 * WIDTH] = 0;
    sluice_result result;
    const sluice_batch batch = batch_of(&from);
    assert_ok(sluice_pipeline_step(&result, pipeline, &batch)); /* the pipeline still works */
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* ---- what is refused ---- */

/* Edges and activations are smaller, masters are not: a large batch fits only in bf16. */
static void the_memory_limit_depends_on_the_precision(void **state) {
    (void)state;
    const sluice_gpt_config config = {8, 16, 32, 2, 4, true, 0};
    sluice_model *model            = NULL;
    sluice_pipeline *pipeline      = NULL;
    assert_ok(sluice_gpt_model(&model, &config, 16));
    assert_ok(try_pipeline(&pipeline, model, 1, SLUICE_PRECISION_BF16, 0));
    const size_t limit = pipeline->rank[0].arena_bytes;
    sluice_pipeline_close(pipeline);
    assert_ok(try_pipeline(&pipeline, model, 1, SLUICE_PRECISION_BF16, limit));
    sluice_pipeline_close(pipeline);
    pipeline = NULL;
    assert_int_equal(try_pipeline(&pipeline, model, 1, SLUICE_PRECISION_BF16, limit - 1),
                     SLUICE_E_DEVICE_MEMORY);
    assert_int_equal(try_pipeline(&pipeline, model, 1, SLUICE_PRECISION_FP32, limit),
                     SLUICE_E_DEVICE_MEMORY);
    assert_null(pipeline);
    sluice_model_free(model);
}

static void other_precisions_are_refused_by_name(void **state) {
    (void)state;
    sluice_model *const model = make_model();
    sluice_pipeline *pipeline = NULL;
    assert_refused(try_pipeline(&pipeline, model, 2, SLUICE_PRECISION_TF32, 0),
                   SLUICE_E_UNSUPPORTED, "device bf16-test does not compute in tf32");
    assert_string_equal(sluice_last_error()->hint, "it computes in: fp32, bf16");
    assert_refused(try_pipeline(&pipeline, model, 2, (sluice_precision)9, 0), SLUICE_E_UNSUPPORTED,
                   "precision 9 does not exist");
    sluice_model_free(model);
}

static size_t no_copies(const sluice_shape *parameter) {
    (void)parameter;
    return 0;
}

/* A plan for other working copies, or another precision, than those of the device. */
static void a_plan_for_something_else_is_refused(void **state) {
    (void)state;
    const sluice__parts parts       = {.device = bf16_device()};
    sluice_schedule_options shape   = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_plan_options planned     = SLUICE_PLAN_OPTIONS_INIT;
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_schedule *schedule       = NULL;
    sluice_model *const model       = make_model();
    sluice_pipeline *pipeline       = NULL;
    sluice_plan *plan               = NULL;
    assert_ok(sluice_schedule_generate(&schedule, "gpipe", &shape));
    options.samples = planned.samples = SAMPLES;
    options.precision                 = SLUICE_PRECISION_BF16;
    assert_ok(sluice_plan_make(&plan, model, schedule, NULL, &planned));
    assert_refused(sluice__pipeline_open(&pipeline, plan, &options, &parts), SLUICE_E_ARGUMENT,
                   "the plan is for fp32, and the options say bf16");
    sluice_plan_free(plan);
    planned.precision     = SLUICE_PRECISION_BF16;
    planned.working_bytes = no_copies;
    assert_ok(sluice_plan_make(&plan, model, schedule, NULL, &planned));
    assert_refused(
        sluice__pipeline_open(&pipeline, plan, &options, &parts), SLUICE_E_ARGUMENT,
        "device bf16-test needs a working copy of 72 bytes for 'first.weight', and the plan has 0");
    sluice_plan_free(plan);
    planned.working_bytes = NULL; /* the usual ones */
    assert_ok(sluice_plan_make(&plan, model, schedule, NULL, &planned));
    assert_ok(sluice__pipeline_open(&pipeline, plan, &options, &parts));
    sluice_plan_free(plan);
    sluice_pipeline_close(pipeline);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_inputs_enter_rounded),
        cmocka_unit_test(targets_stay_floats),
        cmocka_unit_test(an_overflow_in_bf16_is_named),
        cmocka_unit_test(the_memory_limit_depends_on_the_precision),
        cmocka_unit_test(other_precisions_are_refused_by_name),
        cmocka_unit_test(a_plan_for_something_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
