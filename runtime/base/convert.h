/* SPDX-License-Identifier: MIT */
/* convert.h -- elements from one type to another, in host memory. */
#ifndef SLUICE_BASE_CONVERT_H
#define SLUICE_BASE_CONVERT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "sluice/tensor.h"

/* The nearest bf16, ties to even; NaN stays NaN. */
static inline uint16_t sluice__bf16_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t nearest = (bits + 0x7fffU + (bits >> 16 & 1U)) >> 16;
    return (uint16_t)((bits & 0x7fffffffU) > 0x7f800000U ? bits >> 16 | 0x40U : nearest);
}

static inline float sluice__float_of(uint16_t bf16) {
    const uint32_t bits = (uint32_t)bf16 << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/* Whether sluice__convert() supports it: the same type, or fp32 and bf16 either way. */
bool sluice__converts(sluice_type to, sluice_type from);
/* Convert `count` elements. To bf16 they are rounded as above. `to`
 * may be `from` if its elements are no larger. */
void sluice__convert(void *to, sluice_type to_type, const void *from, sluice_type from_type,
                     int64_t count);

#endif
