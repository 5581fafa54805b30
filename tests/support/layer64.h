/* SPDX-License-Identifier: MIT */
/* layer64.h -- the forward of every built-in layer kind, naively and in float64, for comparison. */
#ifndef SLUICE_TESTS_LAYER64_H
#define SLUICE_TESTS_LAYER64_H

#include "sluice/layer.h"

/* One layer's forward. Parameters are the layer's, in its order. */
typedef struct layer64 {
    const sluice_layer_kind *kind;
    const void *config;
    sluice_shape input;
    const double *const *parameters;
    const void *x;       /* double, or int32_t if the input is tokens */
    const void *targets; /* of a loss layer: int32_t or float, as it describes */
    double total_weight;
    bool training; /* dropout is applied, with these keys */
    const char *name;
    sluice_random_key random;
} layer64;

/* y: the layer's output, or its loss. */
void layer64_forward(double *y, const layer64 *layer);

#endif
