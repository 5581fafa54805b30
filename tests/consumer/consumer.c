/* SPDX-License-Identifier: MIT */
/* consumer.c -- a program against the installed library, in C11, C17 and C++17 alike. It opens a
 * pipeline, so that everything the library needs is linked, and prints the message of a failure. */
#include <sluice/sluice.h>

#include <stdio.h>
#include <string.h>

static sluice_status make_model(sluice_model **out) {
    sluice_model *model = NULL;
    sluice_shape sample;
    sluice_linear_config layer;
    memset(&sample, 0, sizeof sample);
    memset(&layer, 0, sizeof layer);
    sample.dim_count = 1;
    sample.dims[0]   = 8;
    layer.inputs = layer.outputs = 8;
    sluice_status status         = sluice_model_create(&model, &sample);
    if (status == SLUICE_OK)
        status = sluice_model_add(model, sluice_layer_linear(), &layer, "linear");
    if (status == SLUICE_OK)
        status = sluice_model_add(model, sluice_layer_squared_error(), NULL, "error");
    *out = model;
    return status;
}

#if SLUICE_VERSION_NUMBER < SLUICE_VERSION_OF(0, 1, 0)
#error "the version of the headers is wrong"
#endif

static int fail(void) {
    fprintf(stderr, "%s\n", sluice_last_error()->what);
    return 1;
}

int main(void) {
    sluice_schedule_options plan     = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_pipeline_options settings = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_model *model              = NULL;
    sluice_schedule *schedule        = NULL;
    sluice_pipeline *pipeline        = NULL;
    uint64_t digest                  = 0;
    if (strcmp(sluice_version(), SLUICE_VERSION) != 0) {
        fprintf(stderr, "the headers are of %s, the library of %s\n", SLUICE_VERSION,
                sluice_version());
        return 1;
    }
    plan.ranks        = 2;
    plan.microbatches = 4;
    settings.samples  = 4;
    if (sluice_schedule_generate(&schedule, "2f2b", &plan) != SLUICE_E_ARGUMENT) return fail();
    if (!strstr(sluice_last_error()->what, "2f2b")) return fail();
    if (make_model(&model) != SLUICE_OK) return fail();
    if (sluice_schedule_generate(&schedule, "1f1b", &plan) != SLUICE_OK) return fail();
    if (sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &settings) != SLUICE_OK)
        return fail();
    if (sluice_pipeline_digest(&digest, pipeline) != SLUICE_OK) return fail();
    printf("sluice %s %016llx\n", sluice_version(), (unsigned long long)digest);
    sluice_pipeline_close(pipeline);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
    return 0;
}
