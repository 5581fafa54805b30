/* SPDX-License-Identifier: MIT */
/*
 * norm.h -- the norm that a layer begins with, alone or before attention or MLP.
 *
 * The norm's gain, and its bias if it has one, are the layer's first parameters; the mean (of a
 * layernorm) and reciprocal standard deviation of each row are its first saved tensors. The layer's
 * I ends with the backward of the norm, which computes the gradients of gain and bias as well.
 */
#ifndef SLUICE_MODEL_LAYERS_NORM_H
#define SLUICE_MODEL_LAYERS_NORM_H

#include "sluice/layer.h"

typedef struct sluice__norm {
    sluice_norm_kind kind;
    float epsilon;
    int count; /* of the layer's parameters, from 0 on, and of its saved tensors: 2 or 1 */
} sluice__norm;

/* E_ARGUMENT with a sentence that begins with the layer's `kind`. */
sluice_status sluice__check_norm(const char *kind, const sluice_norm_config *config);
sluice__norm sluice__norm_of(const sluice_norm_config *config);

/* Append parameters (`bias` is unused if there is none), saved tensors and costs; to be called
 * first. */
void sluice__norm_describe(sluice_layer_description *description, const sluice__norm *norm,
                           const char *gain, const char *bias, const sluice_shape *input);
/* The layer's saved tensor `which`, counted from those of the norm on. */
void *sluice__saved(const sluice_layer_call *call, const sluice__norm *norm, int which);
/* Bytes that sluice__norm_backward() needs. */
size_t sluice__norm_scratch(const sluice_shape *input);

/* y = norm(input). */
sluice_status sluice__norm_forward(const sluice_layer_call *call, const sluice__norm *norm,
                                   void *y);
/* input gradient = norm'(dy) (+ residual), and the gradients of gain and bias. */
sluice_status sluice__norm_backward(const sluice_layer_call *call, const sluice__norm *norm,
                                    const void *dy, const void *residual, void *scratch);

#endif
