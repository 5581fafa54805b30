/* SPDX-License-Identifier: MIT */
/* regression.c -- the C library in one screen: a small network learns x^2 on 2 ranks. */
#include "sluice/sluice.h"
#include <stdio.h>

enum { SAMPLES = 64 };

static sluice_status load_x(void *context, void *to, int64_t first, int64_t samples) {
    for (int64_t k = 0; k < samples; k++) ((float *)to)[k] = (float)(first + k) / SAMPLES;
    return (void)context, SLUICE_OK;
}
static sluice_status load_y(void *context, void *to, int64_t first, int64_t samples) {
    const sluice_status status = load_x(context, to, first, samples);
    for (float *y = to; samples > 0; samples--, y++) *y *= *y;
    return status;
}
int main(void) {
    sluice_model *model               = NULL;
    sluice_schedule *schedule         = NULL;
    sluice_pipeline *pipe             = NULL;
    sluice_schedule_options plan      = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_pipeline_options settings  = SLUICE_PIPELINE_OPTIONS_INIT;
    const sluice_batch batch          = {SAMPLES, SAMPLES,
                                         .parts = {{"inputs", load_x, NULL}, {"targets", load_y, NULL}},
                                         .learning_rate = 0.01};
    sluice_result result              = {0};
    const sluice_linear_config wide   = {.inputs = 1, .outputs = 32},
                               narrow = {.inputs = 32, .outputs = 1};
    plan.ranks                        = 2;
    plan.microbatches                 = 4;
    settings.samples                  = SAMPLES;
    bool failed = sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {1}}) ||
                  sluice_model_add(model, sluice_layer_linear(), &wide, "wide") ||
                  sluice_model_add(model, sluice_layer_relu(), NULL, "relu") ||
                  sluice_model_add(model, sluice_layer_linear(), &narrow, "narrow") ||
                  sluice_model_add(model, sluice_layer_squared_error(), NULL, "error") ||
                  sluice_schedule_generate(&schedule, "1f1b", &plan) ||
                  sluice_pipeline_plan_and_open(&pipe, model, schedule, NULL, &settings);
    for (int n = 0; n < 400 && !failed; n++) failed = sluice_pipeline_step(&result, pipe, &batch);
    printf("%s%g\n", failed ? sluice_last_error()->what : "squared error ", result.loss);
    sluice_pipeline_close(pipe);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
    return failed || result.loss > 0.001;
}
