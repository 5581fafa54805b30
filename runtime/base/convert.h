/* SPDX-License-Identifier: MIT */
/* convert.h -- elements from one type to another, in host memory. */
#ifndef SLUICE_BASE_CONVERT_H
#define SLUICE_BASE_CONVERT_H

#include <stdbool.h>

#include "sluice/tensor.h"

/* Whether sluice__convert() supports it: the same type, or fp32 and bf16 either way. */
bool sluice__converts(sluice_type to, sluice_type from);
/* Convert `count` elements. To bf16 they are rounded to nearest, ties to even; NaN stays NaN. `to`
 * may be `from` if its elements are no larger. */
void sluice__convert(void *to, sluice_type to_type, const void *from, sluice_type from_type,
                     int64_t count);

#endif
