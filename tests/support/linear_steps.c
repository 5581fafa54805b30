/* SPDX-License-Identifier: MIT */
/* linear_steps.c -- takes the steps, or fails the test. */
#include "tests/support/linear_steps.h"

#include "tests/support/support.h"

static sluice_status load(void *context, void *to, int64_t first, int64_t samples) {
    const int64_t n = *(const int64_t *)context;
    for (int64_t k = 0; k < samples * LINEAR_WIDTH; k++)
        ((float *)to)[k] = (float)((7 * (first * LINEAR_WIDTH + k) + 3 * n) % 13) / 13;
    return SLUICE_OK;
}

linear_outcome take_linear_steps(sluice_pipeline *pipeline, int64_t samples) {
    linear_outcome out = {0};
    for (int64_t n = 0; n < LINEAR_STEPS; n++) {
        const sluice_batch batch = {
            samples, (double)samples, {{"inputs", load, &n}, {"targets", load, &n}}, 1e-2};
        sluice_result result = {0};
        assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
        out.loss[n] = result.loss;
        out.norm[n] = result.norm;
    }
    assert_ok(sluice_pipeline_digest(&out.digest, pipeline));
    return out;
}
