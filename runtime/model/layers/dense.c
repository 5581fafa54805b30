/* SPDX-License-Identifier: MIT */
/* dense.c -- one matrix, with or without a bias, inside a layer: y = x w + b, described and run. */
#include "runtime/model/layers/dense.h"

#include <assert.h>

#include "runtime/model/layers/describe.h"

sluice__dense sluice__dense_at(int *next, sluice_parameter_style style, bool has_bias, int64_t rows,
                               int64_t inputs, int64_t outputs) {
    const int weight = (*next)++, bias = has_bias ? (*next)++ : -1;
    return (sluice__dense){weight, bias, rows, inputs, outputs, style == SLUICE_STYLE_LLAMA};
}

void sluice__dense_describe(sluice_layer_description *description, const sluice__dense *dense,
                            sluice_type type, const char *weight, const char *bias, float scale) {
    const int64_t rows = dense->rows, inputs = dense->inputs, outputs = dense->outputs;
    assert(description->parameter_count == dense->weight);
    sluice__add_matrix(description, weight, dense->transposed ? outputs : inputs,
                       dense->transposed ? inputs : outputs, scale);
    sluice__cost_product(&description->forward, type, rows, inputs, outputs);
    sluice__cost_product(&description->input, type, rows, outputs, inputs);
    sluice__cost_product(&description->weight, type, inputs, rows, outputs);
    if (dense->bias < 0) return;
    sluice__add_vector(description, bias, outputs, 0);
    sluice__cost_pass(&description->weight, type, rows * outputs, 1, 1);
    description->scratch_weight =
        sluice__larger(description->scratch_weight, sluice_column_sum_scratch(rows, outputs));
}

static void add_piece(sluice_parameter *parameter, const char *name, int64_t rows) {
    assert(parameter->piece_count < SLUICE_PARAMETER_PIECES);
    parameter->pieces[parameter->piece_count++] = (sluice_parameter_piece){name, rows};
}

void sluice__dense_split(sluice_layer_description *description, const sluice__dense *dense,
                         const sluice__dense_piece *pieces, int count) {
    assert(dense->transposed);
    for (int k = 0; k < count; k++) {
        add_piece(&description->parameters[dense->weight], pieces[k].weight, pieces[k].outputs);
        if (dense->bias >= 0)
            add_piece(&description->parameters[dense->bias], pieces[k].bias, pieces[k].outputs);
    }
}

/* A parameter that may be absent. */
static const void *optional(const void *const *list, int index) {
    return index < 0 ? NULL : list[index];
}

sluice_status sluice__dense_forward(const sluice_layer_call *call, const sluice__dense *dense,
                                    void *y, const void *x, const void *residual, void *gelu) {
    return call->operations->linear(
        call->stream, &(sluice_linear){
                          .y          = y,
                          .activated  = gelu,
                          .x          = x,
                          .w          = call->parameters[dense->weight],
                          .b          = optional(call->parameters, dense->bias),
                          .residual   = residual,
                          .rows       = dense->rows,
                          .inputs     = dense->inputs,
                          .outputs    = dense->outputs,
                          .activation = gelu ? SLUICE_ACTIVATION_GELU : SLUICE_ACTIVATION_NONE,
                          .transposed = dense->transposed,
                      });
}

sluice_status sluice__dense_backward_input(const sluice_layer_call *call,
                                           const sluice__dense *dense, void *dx, const void *dy,
                                           const void *before_gelu) {
    return call->operations->linear_backward_input(
        call->stream,
        &(sluice_linear_backward_input){
            .dx                = dx,
            .dy                = dy,
            .w                 = call->parameters[dense->weight],
            .before_activation = before_gelu,
            .rows              = dense->rows,
            .inputs            = dense->inputs,
            .outputs           = dense->outputs,
            .activation        = before_gelu ? SLUICE_ACTIVATION_GELU : SLUICE_ACTIVATION_NONE,
            .transposed        = dense->transposed,
        });
}

sluice_status sluice__dense_backward_weight(const sluice_layer_call *call,
                                            const sluice__dense *dense, const void *x,
                                            const void *dy, void *scratch) {
    return call->operations->linear_backward_weight(
        call->stream, &(sluice_linear_backward_weight){
                          .dw          = call->gradients[dense->weight],
                          .db          = dense->bias < 0 ? NULL : call->gradients[dense->bias],
                          .x           = x,
                          .dy          = dy,
                          .scratch     = scratch,
                          .rows        = dense->rows,
                          .inputs      = dense->inputs,
                          .outputs     = dense->outputs,
                          .first_write = call->first_write,
                          .transposed  = dense->transposed,
                      });
}
