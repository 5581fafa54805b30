/* SPDX-License-Identifier: MIT */
/* dense.c -- one matrix with its bias inside a layer: y = x w + b, described and run. */
#include "runtime/model/dense.h"

#include <assert.h>

#include "runtime/model/describe.h"

void sluice__dense_describe(sluice_layer_description *description, const sluice__dense *dense,
                            const char *weight, const char *bias, float scale) {
    assert(description->parameter_count == dense->parameter);
    sluice__add_matrix(description, weight, dense->inputs, dense->outputs, scale);
    sluice__add_vector(description, bias, dense->outputs, 0);
    sluice__cost_product(&description->forward, dense->rows, dense->inputs, dense->outputs);
    sluice__cost_product(&description->input, dense->rows, dense->outputs, dense->inputs);
    sluice__cost_product(&description->weight, dense->inputs, dense->rows, dense->outputs);
    sluice__cost_pass(&description->weight, dense->rows * dense->outputs, 1, 1); /* the bias */
    description->scratch_weight = sluice__larger(
        description->scratch_weight, sluice_column_sum_scratch(dense->rows, dense->outputs));
}

sluice_status sluice__dense_forward(const sluice_layer_call *call, const sluice__dense *dense,
                                    float *y, const float *x, const float *residual, float *gelu) {
    return call->ops->linear(call->stream, &(sluice_linear){
                                               .y        = y,
                                               .gelu     = gelu,
                                               .x        = x,
                                               .w        = call->parameters[dense->parameter],
                                               .b        = call->parameters[dense->parameter + 1],
                                               .residual = residual,
                                               .rows     = dense->rows,
                                               .inputs   = dense->inputs,
                                               .outputs  = dense->outputs,
                                           });
}

sluice_status sluice__dense_backward_input(const sluice_layer_call *call,
                                           const sluice__dense *dense, float *dx, const float *dy,
                                           const float *before_gelu) {
    return call->ops->linear_backward_input(call->stream,
                                            &(sluice_linear_backward_input){
                                                .dx          = dx,
                                                .dy          = dy,
                                                .w           = call->parameters[dense->parameter],
                                                .before_gelu = before_gelu,
                                                .rows        = dense->rows,
                                                .inputs      = dense->inputs,
                                                .outputs     = dense->outputs,
                                            });
}

sluice_status sluice__dense_backward_weight(const sluice_layer_call *call,
                                            const sluice__dense *dense, const float *x,
                                            const float *dy, void *scratch) {
    return call->ops->linear_backward_weight(call->stream,
                                             &(sluice_linear_backward_weight){
                                                 .dw      = call->gradients[dense->parameter],
                                                 .db      = call->gradients[dense->parameter + 1],
                                                 .x       = x,
                                                 .dy      = dy,
                                                 .scratch = scratch,
                                                 .rows    = dense->rows,
                                                 .inputs  = dense->inputs,
                                                 .outputs = dense->outputs,
                                                 .first_write = call->first_write,
                                             });
}
