/* SPDX-License-Identifier: MIT */
/*
 * dense.h -- one matrix, with or without a bias, inside a layer: y = x w + b, described and run.
 * Its parameters are named and stored in the layer's style.
 */
#ifndef SLUICE_MODEL_LAYERS_DENSE_H
#define SLUICE_MODEL_LAYERS_DENSE_H

#include "sluice/layer.h"

typedef struct sluice__dense {
    int weight; /* index among the layer's parameters */
    int bias;   /* likewise; -1: none */
    int64_t rows, inputs, outputs;
    bool transposed; /* the weight is (outputs, inputs) */
} sluice__dense;

/* Outputs with a name of their own: of the rows of a transposed weight, and of the bias. */
typedef struct sluice__dense_piece {
    const char *weight, *bias;
    int64_t outputs;
} sluice__dense_piece;

/* A matrix whose weight is parameter `*next` of the layer; `*next` moves past its parameters. */
sluice__dense sluice__dense_at(int *next, sluice_parameter_style style, bool has_bias, int64_t rows,
                               int64_t inputs, int64_t outputs);

/* Append weight and bias (if it has one, called `bias`), the costs of all three actions, and the
 * scratch of W. */
void sluice__dense_describe(sluice_layer_description *description, const sluice__dense *dense,
                            sluice_type type, const char *weight, const char *bias, float scale);
/* The described parameters of a transposed matrix consist of `count` pieces. */
void sluice__dense_split(sluice_layer_description *description, const sluice__dense *dense,
                         const sluice__dense_piece *pieces, int count);

/* y = x w + b (+ residual); `gelu`, unless NULL, gets gelu(y). */
sluice_status sluice__dense_forward(const sluice_layer_call *call, const sluice__dense *dense,
                                    void *y, const void *x, const void *residual, void *gelu);
/* dx = dy w^T, times gelu'(before_gelu) unless that is NULL. */
sluice_status sluice__dense_backward_input(const sluice_layer_call *call,
                                           const sluice__dense *dense, void *dx, const void *dy,
                                           const void *before_gelu);
/* The gradients of weight and bias, with scratch of sluice_column_sum_scratch() bytes. */
sluice_status sluice__dense_backward_weight(const sluice_layer_call *call,
                                            const sluice__dense *dense, const void *x,
                                            const void *dy, void *scratch);

#endif
