/* SPDX-License-Identifier: MIT */
/* samples.c -- the median of samples, and their median absolute deviation: an action that was
 * interrupted by another program changes neither. */
#include "runtime/measure/samples.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median_of(double *samples, int count) {
    qsort(samples, (size_t)count, sizeof *samples, compare);
    return (samples[(count - 1) / 2] + samples[count / 2]) / 2;
}

sluice__summary sluice__summarize(double *samples, int count) {
    const double median = median_of(samples, count);
    for (int k = 0; k < count; k++) samples[k] = fabs(samples[k] - median);
    return (sluice__summary){median, median_of(samples, count)};
}
