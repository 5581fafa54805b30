/* SPDX-License-Identifier: MIT */
/* norm.c -- the norm that a layer begins with, alone or before attention or MLP. */
#include "runtime/model/layers/norm.h"

#include <math.h>

#include "runtime/base/error.h"
#include "runtime/model/layers/describe.h"

enum { GAIN, BIAS };

sluice_status sluice__check_norm(const char *kind, const sluice_norm_config *config) {
    if (config->kind != SLUICE_NORM_LAYERNORM && config->kind != SLUICE_NORM_RMS)
        return sluice__fail(SLUICE_E_ARGUMENT, "%s has a norm of kind %d, which does not exist",
                            kind, (int)config->kind);
    if (isfinite(config->epsilon) && config->epsilon >= 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_ARGUMENT,
                        "%s has a norm with epsilon %g; it must be a finite number, at least 0",
                        kind, (double)config->epsilon);
}

sluice__norm sluice__norm_of(const sluice_norm_config *config) {
    const int both = config->kind == SLUICE_NORM_LAYERNORM ? 2 : 1;
    return (sluice__norm){config->kind, config->epsilon > 0 ? config->epsilon : 1e-5F, both};
}

void sluice__norm_describe(sluice_layer_description *description, const sluice__norm *norm,
                           const char *gain, const char *bias, const sluice_shape *input) {
    const int64_t rows = sluice__rows(input), width = sluice__width(input);
    const size_t statistic = sluice__bytes_of(SLUICE_TYPE_F32, rows, 1);
    sluice__add_vector(description, gain, width, 1);
    if (norm->count > BIAS) sluice__add_vector(description, bias, width, 0);
    for (int k = 0; k < norm->count; k++) {
        description->parameters[k].gradient_by_input = true;
        sluice__add_saved(description, statistic, SLUICE_UNTIL_INPUT);
    }
    description->input_until = SLUICE_UNTIL_INPUT;
    sluice__cost_pass(&description->forward, input->type, rows * width, 2, 8);
    sluice__cost_pass(&description->input, input->type, rows * width, 3, 16);
}

void *sluice__saved(const sluice_layer_call *call, const sluice__norm *norm, int which) {
    return call->saved[norm->count + which];
}

size_t sluice__norm_scratch(const sluice_shape *input) {
    return 2 * sluice_column_sum_scratch(sluice__rows(input), sluice__width(input));
}

/* Only a layernorm saves the mean, before the reciprocal standard deviation. */
static float *mean_of(const sluice_layer_call *call, const sluice__norm *norm) {
    return norm->count > 1 ? call->saved[0] : NULL;
}

static float *rstd_of(const sluice_layer_call *call, const sluice__norm *norm) {
    return call->saved[norm->count - 1];
}

sluice_status sluice__norm_forward(const sluice_layer_call *call, const sluice__norm *norm,
                                   void *y) {
    const bool has_bias = norm->count > BIAS;
    return call->operations->norm(call->stream,
                                  &(sluice_norm){
                                      .y       = y,
                                      .mean    = mean_of(call, norm),
                                      .rstd    = rstd_of(call, norm),
                                      .x       = call->input,
                                      .gain    = call->parameters[GAIN],
                                      .bias    = has_bias ? call->parameters[BIAS] : NULL,
                                      .rows    = sluice__rows(&call->input_shape),
                                      .width   = sluice__width(&call->input_shape),
                                      .epsilon = norm->epsilon,
                                      .kind    = norm->kind,
                                  });
}

sluice_status sluice__norm_backward(const sluice_layer_call *call, const sluice__norm *norm,
                                    const void *dy, const void *residual, void *scratch) {
    const bool has_bias = norm->count > BIAS;
    /* A model's first layer has no input gradient, but those of gain and bias need the pass. */
    return call->operations->norm_backward(call->stream,
                                           &(sluice_norm_backward){
                                               .dx       = call->input_gradient,
                                               .dgain    = call->gradients[GAIN],
                                               .dbias    = has_bias ? call->gradients[BIAS] : NULL,
                                               .dy       = dy,
                                               .residual = residual,
                                               .x        = call->input,
                                               .mean     = mean_of(call, norm),
                                               .rstd     = rstd_of(call, norm),
                                               .gain     = call->parameters[GAIN],
                                               .scratch  = scratch,
                                               .rows     = sluice__rows(&call->input_shape),
                                               .width    = sluice__width(&call->input_shape),
                                               .first_write = call->first_write,
                                               .kind        = norm->kind,
                                           });
}
