/* SPDX-License-Identifier: MIT */
/* branch.h -- how a residual branch ends: x + dropout(projection(..)), and the dropout of a layer.
 */
#ifndef SLUICE_MODEL_LAYERS_BRANCH_H
#define SLUICE_MODEL_LAYERS_BRANCH_H

#include "runtime/model/layers/dense.h"

/* `rate` must be from 0 to below 1. E_ARGUMENT with a sentence that begins with the layer's `kind`.
 */
sluice_status sluice__check_rate(const char *kind, float rate);

/* Costs and scratch of the dropout at the end of a branch; to be called after those of the
 * projection were added. */
void sluice__branch_describe(sluice_layer_description *description, const sluice__dense *projection,
                             sluice_type type, float rate);
/* output = input + dropout(x w + b). */
sluice_status sluice__branch_forward(const sluice_layer_call *call, const sluice__dense *projection,
                                     const void *x, float rate);
/* The gradient of the projection's output: `output_gradient` itself without dropout, else after
 * dropout, in `gradient`, which is as large as the output. */
sluice_status sluice__branch_gradient(const sluice_layer_call *call, const void **out,
                                      void *gradient, float rate);
/* Gradients of the projection's weight and bias, in the call's scratch. */
sluice_status sluice__branch_backward_weight(const sluice_layer_call *call,
                                             const sluice__dense *projection, const void *x,
                                             float rate);

#endif
