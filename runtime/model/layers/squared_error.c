/* SPDX-License-Identifier: MIT */
/* squared_error.c -- the layer kind "squared-error": each sample's mean of (x - target)^2. */
#include "runtime/base/error.h"
#include "runtime/model/layers/describe.h"

static sluice_status describe(sluice_layer_description *out, const void *config,
                              const sluice_shape *input, sluice_precision precision) {
    (void)config; /* it has none */
    SLUICE__TRY(sluice__check_activation("squared-error", input, 1, SLUICE_MAX_DIMS, precision));
    sluice_layer_description d = {.weight_per_sample = 1};
    sluice_shape targets       = *input;
    targets.type               = SLUICE_TYPE_F32;
    sluice__set_loss(&d, input, &targets);
    sluice__cost_pass(&d.input, input->type, sluice_shape_count(input), 3, 5);
    *out = d;
    return SLUICE_OK;
}

static sluice_status compare(const sluice_layer_call *call, void *dx) {
    const double terms = (double)sluice__per_sample(&call->input_shape);
    return call->operations->squared_error(call->stream,
                                           &(sluice_squared_error){
                                               .loss    = call->loss,
                                               .dx      = dx,
                                               .x       = call->input,
                                               .targets = call->batch[0],
                                               .count   = sluice_shape_count(&call->input_shape),
                                               .scale   = 1 / (call->total_weight * terms),
                                           });
}

static sluice_status forward(const sluice_layer_call *call) {
    /* In training I computes the loss with the gradient. */
    return call->training ? SLUICE_OK : compare(call, NULL);
}

static sluice_status backward_input(const sluice_layer_call *call) {
    return compare(call, call->input_gradient);
}

static sluice_status backward_weight(const sluice_layer_call *call) {
    (void)call; /* no parameters */
    return SLUICE_OK;
}

const sluice_layer_kind *sluice_layer_squared_error(void) {
    static const sluice_layer_kind kind = {
        .size            = sizeof(sluice_layer_kind),
        .name            = "squared-error",
        .describe        = describe,
        .forward         = forward,
        .backward_input  = backward_input,
        .backward_weight = backward_weight,
    };
    return &kind;
}
