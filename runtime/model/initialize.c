/* SPDX-License-Identifier: MIT */
/* initialize.c -- initial values of a parameter: a function of seed and name only, so that
 * whether tensors are pieces of one parameter makes no difference. */
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

/* Four elements of a tensor from `element` on, a multiple of 4. */
static void normal_four(double out[4], int64_t element, uint64_t key) {
    const uint64_t block      = (uint64_t)element / 4;
    const uint32_t counter[4] = {(uint32_t)block, 0, 0, (uint32_t)(block >> 32)};
    uint32_t random[4];
    sluice__philox(random, counter, key);
    normal_pair(out, random[0], random[1]);
    normal_pair(out + 2, random[2], random[3]);
}

/* Elements `first` to `end` - 1 of a tensor. */
static void fill_normal(float *values, int64_t first, int64_t end, uint64_t key, double scale) {
    double four[4];
    for (int64_t i = first; i < end; i++) {
        if (i == first || i % 4 == 0) normal_four(four, i - i % 4, key);
        values[i - first] = (float)(four[i % 4] * scale);
    }
}

void sluice_parameter_initialize_part(float *values, const sluice_parameter_use *use, uint64_t seed,
                                      int64_t first, int64_t count) {
    const double scale = (double)use->parameter.scale;
    if (use->parameter.initializer == SLUICE_INITIALIZER_CONSTANT) {
        for (int64_t i = 0; i < count; i++) values[i] = use->parameter.scale;
        return;
    }
    for (int k = 0; k < sluice_parameter_tensor_count(use); k++) {
        const sluice_parameter_tensor tensor = sluice_parameter_tensor_at(use, k);
        const int64_t all                    = sluice_shape_count(&tensor.shape);
        const int64_t begin                  = first > tensor.first ? first - tensor.first : 0;
        const int64_t rest                   = first + count - tensor.first;
        const int64_t end                    = rest < all ? rest : all;
        if (begin < end)
            fill_normal(values + tensor.first + begin - first, begin, end,
                        sluice__random_key(seed, "initial", tensor.name), scale);
    }
}

void sluice_parameter_initialize(float *values, const sluice_parameter_use *use, uint64_t seed) {
    sluice_parameter_initialize_part(values, use, seed, 0,
                                     sluice_shape_count(&use->parameter.shape));
}
