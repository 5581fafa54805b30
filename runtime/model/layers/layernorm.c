/* SPDX-License-Identifier: MIT */
/* layernorm.c -- the layer kind "layernorm": the norm alone. */
#include "runtime/base/error.h"
#include "runtime/model/layers/describe.h"
#include "runtime/model/layers/norm.h"

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    const sluice_layernorm_config *const c = config;
    SLUICE__TRY(sluice__check_activation("layernorm", input, 2, SLUICE_MAX_DIMS, precision));
    SLUICE__TRY(sluice__check_width("layernorm", "width", c->width, input));
    SLUICE__TRY(sluice__check_norm("layernorm", &c->norm));
    const sluice__norm norm    = sluice__norm_of(&c->norm);
    sluice_layer_description d = {.output = *input, .weight_is_empty = true};
    sluice__norm_describe(&d, &norm, "weight", "bias", input);
    d.scratch_input = sluice__norm_scratch(input);
    *out            = d;
    return SLUICE_OK;
}

static sluice__norm norm_of(const sluice_layer_call *call) {
    const sluice_layernorm_config *const c = call->config;
    return sluice__norm_of(&c->norm);
}

static sluice_status forward(const sluice_layer_call *call) {
    const sluice__norm norm = norm_of(call);
    return sluice__norm_forward(call, &norm, call->output);
}

static sluice_status backward_input(const sluice_layer_call *call) {
    const sluice__norm norm = norm_of(call);
    return sluice__norm_backward(call, &norm, call->output_gradient, NULL, call->scratch);
}

static sluice_status backward_weight(const sluice_layer_call *call) {
    (void)call; /* I has computed the gradients */
    return SLUICE_OK;
}

const sluice_layer_kind *sluice_layer_layernorm(void) {
    static const sluice_layer_kind kind = {
        .size            = sizeof(sluice_layer_kind),
        .name            = "layernorm",
        .config_bytes    = sizeof(sluice_layernorm_config),
        .describe        = describe,
        .forward         = forward,
        .backward_input  = backward_input,
        .backward_weight = backward_weight,
    };
    return &kind;
}
