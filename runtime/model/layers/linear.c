/* SPDX-License-Identifier: MIT */
/* linear.c -- the layer kind "linear": y = x w (+ b) on the last dimension. */
#include <math.h>

#include "runtime/base/error.h"
#include "runtime/model/layers/dense.h"
#include "runtime/model/layers/describe.h"

static sluice__dense dense_of(const sluice_linear_config *config, const sluice_shape *input) {
    int next = 0;
    return sluice__dense_at(&next, SLUICE_STYLE_GPT2, !config->has_no_bias, sluice__rows(input),
                            config->inputs, config->outputs);
}

static sluice_status check(const sluice_linear_config *c, const sluice_shape *input,
                           sluice_precision precision) {
    SLUICE__TRY(sluice__check_activation("linear", input, 2, SLUICE_MAX_DIMS, precision));
    SLUICE__TRY(sluice__check_width("linear", "input width", c->inputs, input));
    SLUICE__TRY(sluice__check_count("linear", "output width", c->outputs));
    SLUICE__TRY(sluice__check_scale("linear", "scale", c->scale));
    SLUICE__TRY(sluice__check_elements("linear", c->inputs, c->outputs));
    return sluice__check_elements("linear", sluice__rows(input), c->outputs);
}

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    const sluice_linear_config *const c = config;
    SLUICE__TRY(check(c, input, precision));
    const sluice__dense dense = dense_of(c, input);
    const float scale         = c->scale > 0 ? c->scale : 1 / sqrtf((float)c->inputs);

    sluice_layer_description d = {
        .output                       = *input,
        .input_until                  = SLUICE_UNTIL_WEIGHT,
        .weight_reads_output_gradient = true,
    };
    d.output.dims[input->dim_count - 1] = c->outputs;
    sluice__dense_describe(&d, &dense, input->type, "weight", "bias", scale);
    *out = d;
    return SLUICE_OK;
}

static sluice_status forward(const sluice_layer_call *call) {
    const sluice__dense dense = dense_of(call->config, &call->input_shape);
    return sluice__dense_forward(call, &dense, call->output, call->input, NULL, NULL);
}

static sluice_status backward_input(const sluice_layer_call *call) {
    if (!call->input_gradient) return SLUICE_OK;
    const sluice__dense dense = dense_of(call->config, &call->input_shape);
    return sluice__dense_backward_input(call, &dense, call->input_gradient, call->output_gradient,
                                        NULL);
}

static sluice_status backward_weight(const sluice_layer_call *call) {
    const sluice__dense dense = dense_of(call->config, &call->input_shape);
    return sluice__dense_backward_weight(call, &dense, call->input, call->output_gradient,
                                         call->scratch);
}

const sluice_layer_kind *sluice_layer_linear(void) {
    static const sluice_layer_kind kind = {
        .size            = sizeof(sluice_layer_kind),
        .name            = "linear",
        .config_bytes    = sizeof(sluice_linear_config),
        .describe        = describe,
        .forward         = forward,
        .backward_input  = backward_input,
        .backward_weight = backward_weight,
    };
    return &kind;
}
