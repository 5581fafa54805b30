/* SPDX-License-Identifier: MIT */
/* test_update.c -- what ends a step: gradients of B and of I and W in any mixture, and the clip. */
#include "tests/support/linear_steps.h"
#include "tests/support/schedule_tools.h"

#include <math.h>

#include "sluice/model.h"

enum { SAMPLES = 4 };

static sluice_model *make_model(void) {
    static const sluice_linear_config linear = {.inputs = LINEAR_WIDTH, .outputs = LINEAR_WIDTH};
    sluice_model *model                      = NULL;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {LINEAR_WIDTH}}));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &linear, "one"));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &linear, "two"));
    assert_ok(sluice_model_add(model, sluice_layer_squared_error(), NULL, "error"));
    return model;
}

static linear_outcome train(const char *text, double clip) {
    sluice_model *model             = make_model();
    sluice_schedule *schedule       = parse_schedule(text);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_pipeline *pipeline       = NULL;
    options.samples                 = SAMPLES;
    options.clip                    = clip;
    assert_ok(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options));
    const linear_outcome out = take_linear_steps(pipeline, SAMPLES);
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
    const linear_outcome expected    = train(plain, 0);
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        const linear_outcome got = train(texts[k], 0);
        for (int n = 0; n < LINEAR_STEPS; n++)
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
    const linear_outcome without = train(plain, 0);
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
