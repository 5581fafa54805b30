/* SPDX-License-Identifier: MIT */
/* convert.c -- elements from one type to another, in host memory. */
#include "runtime/base/convert.h"

#include <assert.h>

bool sluice__converts(sluice_type to, sluice_type from) {
    const bool is_float = to == SLUICE_TYPE_F32 || to == SLUICE_TYPE_BF16;
    return to == from || (is_float && (from == SLUICE_TYPE_F32 || from == SLUICE_TYPE_BF16));
}

/* By memcpy: the block is accessed as two types, and may be unaligned in a file. */
static void narrow(unsigned char *to, const unsigned char *from, int64_t count) {
    for (int64_t k = 0; k < count; k++) {
        float wide;
        memcpy(&wide, from + 4 * k, sizeof wide);
        const uint16_t rounded = sluice__bf16_of(wide);
        memcpy(to + 2 * k, &rounded, sizeof rounded);
    }
}

static void widen(unsigned char *to, const unsigned char *from, int64_t count) {
    for (int64_t k = 0; k < count; k++) {
        uint16_t small;
        memcpy(&small, from + 2 * k, sizeof small);
        const float wide = sluice__float_of(small);
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
