/* SPDX-License-Identifier: MIT */
/* quantile.c -- the middle of repeated measurements, or the value that a share of them are below.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static int compare(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double bench_quantile(const double *values, int count, double at) {
    double *const sorted = bench_alloc((size_t)count, sizeof *sorted);
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    const double found = sorted[(int)(at * (count - 1) + 0.5)];
    free(sorted);
    return found;
}

double bench_median(const double *values, int count) {
    return bench_quantile(values, count, 0.5);
}
