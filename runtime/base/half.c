/* SPDX-License-Identifier: MIT */
/* half.c -- IEEE 754 binary16 to fp32. */
#include "runtime/base/half.h"

#include <string.h>

enum { FRACTION_BITS = 10, EXPONENT_SPECIAL = 31, BIAS_DIFFERENCE = 127 - 15 };

/* Without the sign. */
static uint32_t bits_of_magnitude(uint32_t half) {
    const uint32_t exponent = half >> FRACTION_BITS, widened = half << (23 - FRACTION_BITS);
    if (exponent == EXPONENT_SPECIAL) return 0x7f800000U | widened; /* infinity and NaN */
    if (exponent > 0) return widened + ((uint32_t)BIAS_DIFFERENCE << 23);
    const float subnormal = (float)half * 0x1p-24F; /* exact, and normal in fp32 */
    uint32_t bits;
    memcpy(&bits, &subnormal, sizeof bits);
    return bits;
}

void sluice__widen_halves(float *to, const uint16_t *from, int64_t count) {
    for (int64_t k = 0; k < count; k++) {
        const uint32_t bits =
            ((uint32_t)from[k] & 0x8000U) << 16 | bits_of_magnitude(from[k] & 0x7fffU);
        memcpy(&to[k], &bits, sizeof bits);
    }
}
