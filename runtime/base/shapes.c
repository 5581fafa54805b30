/* SPDX-License-Identifier: MIT */
/* shapes.c -- whether two shapes are the same. */
#include "runtime/base/shapes.h"

#include <string.h>

bool sluice__shapes_equal(const sluice_shape *a, const sluice_shape *b) {
    return a->type == b->type && a->dim_count == b->dim_count &&
           memcmp(a->dims, b->dims, (size_t)a->dim_count * sizeof a->dims[0]) == 0;
}
