/* SPDX-License-Identifier: MIT */
/* samples.h -- many measurements of one quantity: their median, and how far they lie apart. */
#ifndef SLUICE_MEASURE_SAMPLES_H
#define SLUICE_MEASURE_SAMPLES_H

typedef struct sluice__summary {
    double median;
    double spread; /* median of the distances from the median */
} sluice__summary;

/* Of `count` (>= 1) samples, which change their order and values. */
sluice__summary sluice__summarize(double *samples, int count);

#endif
