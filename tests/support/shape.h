/* SPDX-License-Identifier: MIT */
/* shape.h -- a built-in schedule with its numbers: chosen at random, generated, said in a failure.
 */
#ifndef SLUICE_TESTS_SHAPE_H
#define SLUICE_TESTS_SHAPE_H

#include "tests/support/support.h"

#include "sluice/schedule.h"

typedef struct shape {
    const char *name;
    int p, v, m, group;
    double slack;
    int extra;
} shape;

typedef struct words {
    char text[96];
} words;

sluice_schedule *generate(const shape *of);
words say(const shape *of);
/* Of any schedule, with all options that it takes. */
shape random_shape(uint64_t *random, int max_ranks);

#endif
