/* SPDX-License-Identifier: MIT */
/* test_update.c -- what ends a step: gradients of B and of I and W in any mixture, and the clip. */
#include "tests/support/schedule_tools.h"

#include <math.h>

#include "sluice/model.h"
#include "sluice/pipeline.h"

enum { WIDTH = 4, STEPS = 3, SAMPLES = 4 };

static sluice_model *make_model(void) {
    static const sluice_linear_config linear = {.inputs = WIDTH, .outputs = WIDTH};
    sluice_model *model                      = NULL;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {WIDTH}}));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &linear, "one"));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &linear, "two"));
    assert_ok(sluice_model_add(model, sluice_layer_squared_error(), NULL, "error"));
    return model;
}

static sluice_status load(void *context, void *to, int64_t first, int64_t samples) {
    const int64_t n = *(const int64_t *)context;
    for (int64_t k = 0; k < samples * WIDTH; k++)
        ((float *)to)[k] = (float)((7 * (first * WIDTH + k) + 3 * n) % 13) / 13;
    return SLUICE_OK;
}

typedef struct outcome {
    double loss[STEPS], norm[STEPS];
    uint64_t digest;
} outcome;

static outcome train(const char *text, double clip) {
    sluice_model *model             = make_model();
    sluice_schedule *schedule       = parse_schedule(text);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_pipeline *pipeline       = NULL;
    outcome out                     = {0};
    options.samples                 = SAMPLES;
    options.clip                    = clip;
    assert_ok(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options));
    for (int64_t n = 0; n < STEPS; n++) {
        const sluice_batch batch = {
            SAMPLES, SAMPLES, {{"inputs", load, &n}, {"targets", load, &n}}, 1e-2};
        sluice_result result = {0};
        assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
        out.loss[n] = result.loss;
        out.norm[n] = result.norm;
    }
    assert_ok(sluice_pipeline_digest(&out.digest, pipeline));
    sluice_pipeline_close(pipeline);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
    return out;
}

static const char plain[] = "0F0,0F1,0B0,0B1\n";

/* The first I stores the gradients of inputs, the first W those of weights, whichever is a B. */
static void halves_and_whole_backwards_mix(void **state) {
    (void)state;
    static const char *const texts[] = {"0F0,0F1,0I0,0B1,0W0\n", "0F0,0F1,0B0,0I1,0W1\n",
                                        "0F0,0F1,0I1,0B0,0W1\n"};
    const outcome expected           = train(plain, 0);
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        const outcome got = train(texts[k], 0);
        for (int n = 0; n < STEPS; n++)
            if (!(fabs(got.norm[n] - expected.norm[n]) <= 1e-5 * expected.norm[n]) ||
                !(fabs(got.loss[n] - expected.loss[n]) <= 1e-5 * expected.loss[n]))
                fail_msg("step %d of %.*s has loss %.9g, norm %.9g%s; of whole backwards %.9g, "
                         "%.9g",
                         n, (int)strcspn(texts[k], "\n"), texts[k], got.loss[n], got.norm[n],
                         test_not_finite(got.norm[n]), expected.loss[n], expected.norm[n]);
    }
}

static void a_clip_scales_larger_norms_only(void **state) {
    (void)state;
    const outcome without = train(plain, 0);
    if (train(plain, 1e9).digest != without.digest)
        fail_msg("a clip of 1e9 changes gradients whose norm is %g", without.norm[0]);
    if (train(plain, without.norm[0] / 1e6).digest == without.digest)
        fail_msg("a clip of a millionth of the norm changes nothing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_and_whole_backwards_mix),
        cmocka_unit_test(a_clip_scales_larger_norms_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
