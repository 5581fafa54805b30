/* SPDX-License-Identifier: MIT */
/* bisect.h -- where a time is among ascending times. */
#ifndef SLUICE_PROGRAM_BISECT_H
#define SLUICE_PROGRAM_BISECT_H

#include <stdbool.h>

/* The first of `count` ascending times that is later than `time`, or, with `or_equal`, not earlier;
 * `count`: none is. */
static inline int sluice__first_later(const double *times, int count, double time, bool or_equal) {
    int low = 0, high = count;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (times[middle] < time || (times[middle] == time && !or_equal))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#endif
