/* SPDX-License-Identifier: MIT */
/* dense.h -- one matrix with its bias inside a layer: y = x w + b, described and run. */
#ifndef SLUICE_MODEL_DENSE_H
#define SLUICE_MODEL_DENSE_H

#include "sluice/layer.h"

typedef struct sluice__dense {
    int parameter; /* the weight's index in the layer; the bias comes next */
    int64_t rows, inputs, outputs;
} sluice__dense;

/* Append weight and bias (which must become `dense->parameter` and the next), the costs of all
 * three actions, and the scratch of W. */
void sluice__dense_describe(sluice_layer_description *description, const sluice__dense *dense,
                            const char *weight, const char *bias, float scale);

/* y = x w + b (+ residual); `gelu`, if there is one, gets gelu(y). */
sluice_status sluice__dense_forward(const sluice_layer_call *call, const sluice__dense *dense,
                                    float *y, const float *x, const float *residual, float *gelu);
/* dx = dy w^T, times gelu'(before_gelu) if that is there. */
sluice_status sluice__dense_backward_input(const sluice_layer_call *call,
                                           const sluice__dense *dense, float *dx, const float *dy,
                                           const float *before_gelu);
/* The gradients of weight and bias, with scratch of sluice_column_sum_scratch() bytes. */
sluice_status sluice__dense_backward_weight(const sluice_layer_call *call,
                                            const sluice__dense *dense, const float *x,
                                            const float *dy, void *scratch);

#endif
