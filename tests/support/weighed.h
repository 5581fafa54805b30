/* SPDX-License-Identifier: MIT */
/*
 * weighed.h -- custom layers that read parts of the batch by name, in the middle of a model and at
 * its end: "weigh" applies a weight to each row, "recall" adds the inputs, "weighed-error" applies
 * a weight to each row's error.
 *
 * They compute on host memory, one element after another, in any precision; an action fails if a
 * part that its description asks for is missing.
 */
#ifndef SLUICE_TESTS_WEIGHED_H
#define SLUICE_TESTS_WEIGHED_H

#include "sluice/layer.h"

/*
 * (samples, length, width), read with "weights" (samples, length) until `until`, which selects the
 * layer's function: FORWARD  y = x + weight INPUT    y = x weight WEIGHT   y = (x + gain) weight,
 * with a parameter (width), "gain"
 */
typedef struct weigh_config {
    sluice_until until;
    bool narrow; /* reads them in the type of activations, not as they are given */
} weigh_config;

const sluice_layer_kind *weigh_kind(void);

/* y = x + "inputs" of the batch, in the type of activations; no configuration. */
const sluice_layer_kind *recall_kind(void);

/* Loss: per sample the mean over its elements of weight (x - target)^2; no configuration. */
const sluice_layer_kind *weighed_error_kind(void);

#endif
