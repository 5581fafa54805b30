/* SPDX-License-Identifier: MIT */
/* growth.h -- how the time of work grows with its size, on a machine that is shared. */
#ifndef SLUICE_TESTS_GROWTH_H
#define SLUICE_TESTS_GROWTH_H

#include <stddef.h>

typedef void sized_work(const void *context, size_t size);

/* Fails, with `what` in the sentence, if work of eight times the size takes more than `factor`
 * times the processor's time, each of several times that it is tried. Linear work takes about 8
 * times as much, quadratic work 64 times. */
void expect_growth(const char *what, sized_work *work, const void *context, size_t size,
                   double factor);

#endif
