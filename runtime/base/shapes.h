/* SPDX-License-Identifier: MIT */
/* shapes.h -- shapes compared. */
#ifndef SLUICE_BASE_SHAPES_H
#define SLUICE_BASE_SHAPES_H

#include <stdbool.h>

#include "sluice/tensor.h"

/* Whether their types and all dimensions are the same. */
bool sluice__shapes_equal(const sluice_shape *a, const sluice_shape *b);

#endif
