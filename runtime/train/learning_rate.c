/* SPDX-License-Identifier: MIT */
/* learning_rate.c -- the learning rate of each step, the one place for it. */
#include "sluice/train.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

double sluice_learning_rate_at(const sluice_learning_rate *rate, int64_t step) {
    /* The ramp starts above 0, so that step 1 already learns. */
    if (step < rate->warmup) return rate->peak * (double)step / (double)rate->warmup;
    if (rate->decay == SLUICE_DECAY_NONE) return rate->peak;
    /* Also where the warm-up fills all steps, so as not to divide by zero. */
    if (step >= rate->steps) return rate->min;
    const double share = (double)(step - rate->warmup) / (double)(rate->steps - rate->warmup);
    return rate->min + (rate->peak - rate->min) * 0.5 * (1.0 + cos(pi * share));
}
