/* SPDX-License-Identifier: MIT */
/* tensor.c -- the size of a shape. */
#include "sluice/tensor.h"

int64_t sluice_shape_count(const sluice_shape *shape) {
    int64_t count = 1;
    for (int d = 0; d < shape->rank; d++) count *= shape->dims[d];
    return count;
}

size_t sluice_shape_bytes(const sluice_shape *shape) {
    /* Both element types are four bytes wide. */
    return (size_t)sluice_shape_count(shape) * sizeof(float);
}
