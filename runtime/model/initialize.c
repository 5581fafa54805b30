/* SPDX-License-Identifier: MIT */
/* initialize.c -- initial values of a parameter: a function of seed and name only. */
#include <math.h>

#include "runtime/base/random.h"
#include "sluice/model.h"

/* Two standard normal numbers from two uniform ones (Box & Muller 1958). */
static void normal_pair(double out[2], uint32_t a, uint32_t b) {
    const double pi     = 3.14159265358979323846;
    const double first  = (a + 0.5) / 4294967296.0; /* never 0, whose logarithm is not finite */
    const double second = (b + 0.5) / 4294967296.0;
    const double radius = sqrt(-2 * log(first));
    out[0]              = radius * cos(2 * pi * second);
    out[1]              = radius * sin(2 * pi * second);
}

/* Four elements from `element` on, a multiple of 4. */
static void normal_four(double out[4], int64_t element, uint64_t key) {
    const uint64_t block      = (uint64_t)element / 4;
    const uint32_t counter[4] = {(uint32_t)block, 0, 0, (uint32_t)(block >> 32)};
    uint32_t random[4];
    sluice__philox(random, counter, key);
    normal_pair(out, random[0], random[1]);
    normal_pair(out + 2, random[2], random[3]);
}

void sluice_parameter_initialize(float *values, const sluice_parameter_use *use, uint64_t seed) {
    const int64_t count = sluice_shape_count(&use->parameter.shape);
    if (use->parameter.initializer == SLUICE_INITIALIZER_CONSTANT) {
        for (int64_t i = 0; i < count; i++) values[i] = use->parameter.scale;
        return;
    }
    const uint64_t key = sluice__random_key(seed, "initial", use->name);
    for (int64_t i = 0; i < count; i += 4) {
        double four[4];
        normal_four(four, i, key);
        for (int64_t j = i; j < i + 4 && j < count; j++)
            values[j] = (float)(four[j - i] * (double)use->parameter.scale);
    }
}
