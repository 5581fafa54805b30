/* SPDX-License-Identifier: MIT */
/* stateful.c -- a layer that keeps state, and a small model with two of them. */
#include "tests/support/stateful.h"

static sluice_status describe_counter(sluice_layer_description *out, const void *config,
                                      const sluice_shape *input, sluice_precision precision) {
    (void)config, (void)precision;
    *out = (sluice_layer_description){
        .output          = *input,
        .state_count     = 2,
        .states          = {{"forwards", {SLUICE_TYPE_F32, 1, {2}}, SLUICE_LIFETIME_RUN},
                            {"cache", {SLUICE_TYPE_F32, 1, {8}}, SLUICE_LIFETIME_SEQUENCE}},
        .weight_is_empty = true};
    return SLUICE_OK;
}

/* On the cpu, whose memory the host can access. Evaluation reads the state and does not change
 * it. */
static sluice_status count_forward(const sluice_layer_call *call) {
    float *const state  = call->states[0];
    const int64_t count = sluice_shape_count(&call->input_shape);
    if (call->training && !call->repeated) {
        state[0] += 1;
        state[1] += (float)call->input_shape.dims[0];
    }
    for (int64_t i = 0; i < count; i++)
        ((float *)call->output)[i] = ((const float *)call->input)[i] * (1 + state[1] / 1024);
    return SLUICE_OK;
}

/* A straight-through gradient: any would do. */
static sluice_status count_backward(const sluice_layer_call *call) {
    const int64_t count = sluice_shape_count(&call->input_shape);
    if (!call->input_gradient) return SLUICE_OK;
    memcpy(call->input_gradient, call->output_gradient, (size_t)count * sizeof(float));
    return SLUICE_OK;
}

static const sluice_layer_kind counter = {.size           = sizeof(sluice_layer_kind),
                                          .name           = "counter",
                                          .describe       = describe_counter,
                                          .forward        = count_forward,
                                          .backward_input = count_backward};

sluice_model *make_stateful_model(void) {
    const sluice_linear_config wide   = {INPUTS, HIDDEN, 0, false};
    const sluice_linear_config narrow = {HIDDEN, OUTPUTS, 0, false};
    sluice_model *model               = NULL;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {INPUTS}}));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &wide, "wide"));
    assert_ok(sluice_model_add(model, &counter, NULL, "first_counter"));
    assert_ok(sluice_model_add(model, sluice_layer_relu(), NULL, "relu"));
    assert_ok(sluice_model_add(model, &counter, NULL, "second_counter"));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &narrow, "narrow"));
    assert_ok(sluice_model_add(model, sluice_layer_squared_error(), NULL, "error"));
    return model;
}

sluice_status load_stateful_inputs(void *context, void *to, int64_t first, int64_t samples) {
    const int64_t n = *(const int64_t *)context;
    for (int64_t k = 0; k < samples * INPUTS; k++)
        ((float *)to)[k] = (float)((n * 31 + (first * INPUTS + k) * 7) % 11) / 11;
    return SLUICE_OK;
}

sluice_status load_stateful_targets(void *context, void *to, int64_t first, int64_t samples) {
    const int64_t n = *(const int64_t *)context;
    for (int64_t k = 0; k < samples * OUTPUTS; k++)
        ((float *)to)[k] = (float)((n * 17 + (first * OUTPUTS + k) * 5) % 7) / 7;
    return SLUICE_OK;
}
