/* SPDX-License-Identifier: MIT */
/* norm.c -- the layernorm that a layer begins with, alone or before attention or MLP. */
#include "runtime/model/norm.h"

#include "runtime/model/describe.h"

enum { GAIN, BIAS };
enum { MEAN, RSTD };

void sluice__norm_describe(sluice_layer_description *description, const char *gain,
                           const char *bias, const sluice_shape *input) {
    const int64_t rows = sluice__rows(input), width = sluice__width(input);
    sluice__add_vector(description, gain, width, 1);
    sluice__add_vector(description, bias, width, 0);
    description->parameters[GAIN].gradient_by_input = true;
    description->parameters[BIAS].gradient_by_input = true;
    sluice__add_saved(description, sluice__float_bytes(rows, 1), SLUICE_UNTIL_INPUT);
    sluice__add_saved(description, sluice__float_bytes(rows, 1), SLUICE_UNTIL_INPUT);
    description->input_until = SLUICE_UNTIL_INPUT;
    sluice__cost_pass(&description->forward, rows * width, 2, 8);
    sluice__cost_pass(&description->input, rows * width, 3, 16);
}

size_t sluice__norm_scratch(const sluice_shape *input) {
    return 2 * sluice_column_sum_scratch(sluice__rows(input), sluice__width(input));
}

sluice_status sluice__norm_forward(const sluice_layer_call *call, float *y) {
    return call->ops->layernorm(call->stream, &(sluice_layernorm){
                                                  .y     = y,
                                                  .mean  = call->saved[MEAN],
                                                  .rstd  = call->saved[RSTD],
                                                  .x     = call->input,
                                                  .gain  = call->parameters[GAIN],
                                                  .bias  = call->parameters[BIAS],
                                                  .rows  = sluice__rows(&call->input_shape),
                                                  .width = sluice__width(&call->input_shape),
                                              });
}

sluice_status sluice__norm_backward(const sluice_layer_call *call, const float *dy,
                                    const float *residual, void *scratch) {
    /* Nobody wants the input gradient of a model's first layer, but gain and bias need the pass. */
    return call->ops->layernorm_backward(call->stream,
                                         &(sluice_layernorm_backward){
                                             .dx          = call->input_gradient,
                                             .dgain       = call->gradients[GAIN],
                                             .dbias       = call->gradients[BIAS],
                                             .dy          = dy,
                                             .residual    = residual,
                                             .x           = call->input,
                                             .mean        = call->saved[MEAN],
                                             .rstd        = call->saved[RSTD],
                                             .gain        = call->parameters[GAIN],
                                             .scratch     = scratch,
                                             .rows        = sluice__rows(&call->input_shape),
                                             .width       = sluice__width(&call->input_shape),
                                             .first_write = call->first_write,
                                         });
}
