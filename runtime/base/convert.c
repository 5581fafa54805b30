/* SPDX-License-Identifier: MIT */
/* convert.c -- elements from one type to another, in host memory. */
#include "runtime/base/convert.h"

#include <assert.h>
#include <string.h>

bool sluice__converts(sluice_type to, sluice_type from) {
    const bool is_float = to == SLUICE_TYPE_F32 || to == SLUICE_TYPE_BF16;
    return to == from || (is_float && (from == SLUICE_TYPE_F32 || from == SLUICE_TYPE_BF16));
}

static uint16_t bf16_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffU) > 0x7f800000U) return (uint16_t)(bits >> 16 | 0x40U); /* NaN */
    return (uint16_t)((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

static float float_of(uint16_t value) {
    const uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/* By memcpy: the block is accessed as two types, and may be unaligned in a file. */
static void narrow(unsigned char *to, const unsigned char *from, int64_t count) {
    for (int64_t k = 0; k < count; k++) {
        float wide;
        memcpy(&wide, from + 4 * k, sizeof wide);
        const uint16_t rounded = bf16_of(wide);
        memcpy(to + 2 * k, &rounded, sizeof rounded);
    }
}

static void widen(unsigned char *to, const unsigned char *from, int64_t count) {
    for (int64_t k = 0; k < count; k++) {
        uint16_t small;
        memcpy(&small, from + 2 * k, sizeof small);
        const float wide = float_of(small);
        memcpy(to + 4 * k, &wide, sizeof wide);
    }
}

void sluice__convert(void *to, sluice_type to_type, const void *from, sluice_type from_type,
                     int64_t count) {
    assert(sluice__converts(to_type, from_type));
    if (to_type == from_type) {
        if (count > 0) memmove(to, from, (size_t)count * sluice_type_bytes(to_type));
    } else if (to_type == SLUICE_TYPE_BF16) {
        narrow(to, from, count);
    } else {
        widen(to, from, count);
    }
}
