/* SPDX-License-Identifier: MIT */
/* linear_steps.h -- a few steps of models of linear layers, and what they come to. */
#ifndef SLUICE_TESTS_LINEAR_STEPS_H
#define SLUICE_TESTS_LINEAR_STEPS_H

#include "sluice/pipeline.h"

enum { LINEAR_WIDTH = 4, LINEAR_STEPS = 3 };

typedef struct linear_outcome {
    double loss[LINEAR_STEPS], norm[LINEAR_STEPS];
    uint64_t digest;
} linear_outcome;

/* LINEAR_STEPS steps, each on other samples. The model reads and is to make LINEAR_WIDTH numbers a
 * sample. */
linear_outcome take_linear_steps(sluice_pipeline *pipeline, int64_t samples);

#endif
