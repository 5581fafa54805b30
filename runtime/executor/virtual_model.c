/* SPDX-License-Identifier: MIT */
/* virtual_model.c -- layers that have sizes and nothing else, and models made of them. */
#include "sluice/virtual.h"

#include <stdio.h>

#include "runtime/base/error.h"

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    const sluice_virtual_config *sizes = config;
    const size_t samples               = (size_t)input->dims[0];
    const int64_t elements = (int64_t)((sizes->output + sizeof(float) - 1) / sizeof(float));
    (void)precision;
    if (sizes->parameters < 0)
        return sluice__fail(SLUICE_E_ARGUMENT, "a virtual layer has %lld parameters",
                            (long long)sizes->parameters);
    sluice_layer_description d = {
        .output          = {SLUICE_TYPE_F32, 2, {input->dims[0], elements > 0 ? elements : 1}},
        .parameter_count = sizes->parameters > 0,
        .parameters      = {{.name        = "weight",
                             .shape       = {SLUICE_TYPE_F32, 1, {sizes->parameters}},
                             .initializer = SLUICE_INITIALIZER_CONSTANT,
                             .decays      = true}},
        .saved_count     = sizes->saved > 0,
        .saved           = {{samples * sizes->saved, SLUICE_UNTIL_WEIGHT}},
        .stash_count     = sizes->stash > 0,
        .stash           = {samples * sizes->stash},
        .is_loss         = sizes->is_loss,
        .batch_count     = sizes->is_loss,
        .batch = {{"targets", {SLUICE_TYPE_F32, 1, {input->dims[0]}}, SLUICE_UNTIL_INPUT}},
        .weight_per_sample = 1,
        .scratch_forward   = samples * sizes->scratch,
        .scratch_evaluate  = samples * sizes->scratch,
        .scratch_input     = samples * sizes->scratch,
        .scratch_weight    = samples * sizes->scratch,
        .forward           = {1, 0},
        .input             = {1, 0},
        .weight            = {1, 0}};
    if (sizes->is_loss) d.output.dims[1] = 0;
    *out = d;
    return SLUICE_OK;
}

static sluice_status do_nothing(const sluice_layer_call *call) {
    (void)call;
    return SLUICE_OK;
}

const sluice_layer_kind *sluice_layer_virtual(void) {
    static const sluice_layer_variant variants[] = {{"virtual", do_nothing, do_nothing, do_nothing},
                                                    {NULL, NULL, NULL, NULL}};
    static const sluice_layer_kind kind          = {.size         = sizeof(sluice_layer_kind),
                                                    .name         = "virtual",
                                                    .config_bytes = sizeof(sluice_virtual_config),
                                                    .describe     = describe,
                                                    .variants     = variants};
    return &kind;
}

static sluice_status add_stage(sluice_model *model, const sluice_stage_bytes *bytes, int stage,
                               int stages, int states) {
    const size_t each                  = (size_t)(2 + states) * sizeof(float);
    const sluice_virtual_config config = {
        .output     = bytes ? bytes->output : 0,
        .saved      = bytes ? bytes->saved : 0,
        .stash      = bytes ? bytes->stash : 0,
        .scratch    = bytes ? bytes->scratch : 0,
        .parameters = bytes ? (int64_t)((bytes->permanent + each - 1) / each) : 0,
        .is_loss    = stage == stages - 1};
    char name[32];
    (void)snprintf(name, sizeof name, "stage%d", stage);
    return sluice_model_add(model, sluice_layer_virtual(), &config, name);
}

sluice_status sluice_virtual_model(sluice_model **out, const sluice_stage_bytes *bytes, int stages,
                                   int states) {
    sluice_model *model  = NULL;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {1}}));
    for (int s = 0; s < stages; s++)
        SLUICE__TRY_OUT(add_stage(model, bytes ? &bytes[s] : NULL, s, stages, states));
    *out  = model;
    model = NULL; /* now the caller's */
out:
    sluice_model_free(model);
    return status;
}

static sluice_status load_nothing(void *context, void *to, int64_t first, int64_t samples) {
    (void)context, (void)to, (void)first, (void)samples;
    return SLUICE_OK;
}

sluice_batch sluice_virtual_batch(int64_t samples) {
    return (sluice_batch){
        .samples      = samples,
        .total_weight = (double)samples,
        .parts        = {{"inputs", load_nothing, NULL}, {"targets", load_nothing, NULL}}};
}
