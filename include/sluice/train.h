/* SPDX-License-Identifier: MIT */
/* train.h -- learning-rate schedules. */
#ifndef SLUICE_TRAIN_H
#define SLUICE_TRAIN_H

#include <stdint.h>

#include "sluice/export.h"

typedef enum sluice_decay {
    SLUICE_DECAY_NONE   = 0,
    SLUICE_DECAY_COSINE = 1 /* half a cosine from `peak` to `min` (Loshchilov & Hutter 2017) */
} sluice_decay;

typedef struct sluice_learning_rate {
    double peak, min;
    int64_t warmup, steps; /* linear from peak / warmup; `min` at step `steps` */
    sluice_decay decay;
} sluice_learning_rate;

/* The rate of step `step`, counted from 1. */
SLUICE_API double sluice_learning_rate_at(const sluice_learning_rate *rate, int64_t step);

#endif
