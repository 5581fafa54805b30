/* SPDX-License-Identifier: MIT */
/*
 * norm.h -- the layernorm that a layer begins with, alone or before attention or MLP.
 *
 * Such a layer keeps the layernorm's gain and bias as its parameters 0 and 1, and the mean and
 * reciprocal standard deviation of each row of its input as its saved tensors 0 and 1. Its I ends
 * with the backward of the layernorm, which makes both gradients while it is there.
 */
#ifndef SLUICE_MODEL_NORM_H
#define SLUICE_MODEL_NORM_H

#include "sluice/layer.h"

/* Append parameters, saved tensors and costs; the first thing in a description. */
void sluice__norm_describe(sluice_layer_description *description, const char *gain,
                           const char *bias, const sluice_shape *input);
/* Bytes that sluice__norm_backward() needs. */
size_t sluice__norm_scratch(const sluice_shape *input);

/* y = layernorm(input). */
sluice_status sluice__norm_forward(const sluice_layer_call *call, float *y);
/* input gradient = layernorm'(dy) (+ residual), and the gradients of gain and bias. */
sluice_status sluice__norm_backward(const sluice_layer_call *call, const float *dy,
                                    const float *residual, void *scratch);

#endif
