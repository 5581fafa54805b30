/* SPDX-License-Identifier: MIT */
/* relu.c -- the layer kind "relu": y = max(x, 0), element by element. */
#include "runtime/base/error.h"
#include "runtime/model/layers/describe.h"

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    (void)config; /* it has none */
    SLUICE__TRY(sluice__check_activation("relu", input, 1, SLUICE_MAX_DIMS, precision));
    sluice_layer_description d = {
        .output          = *input,
        .input_until     = SLUICE_UNTIL_INPUT,
        .weight_is_empty = true,
    };
    sluice__cost_pass(&d.forward, input->type, sluice_shape_count(input), 2, 1);
    sluice__cost_pass(&d.input, input->type, sluice_shape_count(input), 3, 1);
    *out = d;
    return SLUICE_OK;
}

static sluice_status forward(const sluice_layer_call *call) {
    return call->operations->relu(call->stream, &(sluice_relu){
                                                    .y     = call->output,
                                                    .x     = call->input,
                                                    .count = sluice_shape_count(&call->input_shape),
                                                });
}

static sluice_status backward_input(const sluice_layer_call *call) {
    if (!call->input_gradient) return SLUICE_OK;
    return call->operations->relu_backward(call->stream,
                                           &(sluice_relu_backward){
                                               .dx    = call->input_gradient,
                                               .dy    = call->output_gradient,
                                               .x     = call->input,
                                               .count = sluice_shape_count(&call->input_shape),
                                           });
}

static sluice_status backward_weight(const sluice_layer_call *call) {
    (void)call; /* no parameters */
    return SLUICE_OK;
}

const sluice_layer_kind *sluice_layer_relu(void) {
    static const sluice_layer_kind kind = {
        .size            = sizeof(sluice_layer_kind),
        .name            = "relu",
        .describe        = describe,
        .forward         = forward,
        .backward_input  = backward_input,
        .backward_weight = backward_weight,
    };
    return &kind;
}
