/* SPDX-License-Identifier: MIT */
/* bf16.c -- rows of bf16 as floats, and back. */
#include "runtime/device/cpu/bf16.h"

SLUICE__LOOP void widen_loop(float *to, int64_t to_stride, const uint16_t *from,
                             int64_t from_stride, int64_t rows, int64_t columns) {
    for (int64_t i = 0; i < rows; i++, to += to_stride, from += from_stride) {
        int64_t j = 0;
        for (; j + SLUICE__LANES <= columns; j += SLUICE__LANES) {
            sluice__lanes lanes;
            sluice__load_bf16(&lanes, from + j);
            memcpy(to + j, &lanes, sizeof lanes);
        }
        for (; j < columns; j++) to[j] = sluice__float_of(from[j]);
    }
}
SLUICE__VERSIONS(widen,
                 (float *to, int64_t to_stride, const uint16_t *from, int64_t from_stride,
                  int64_t rows, int64_t columns),
                 (to, to_stride, from, from_stride, rows, columns))

SLUICE__LOOP void narrow_loop(uint16_t *to, int64_t to_stride, const float *from,
                              int64_t from_stride, int64_t rows, int64_t columns) {
    for (int64_t i = 0; i < rows; i++, to += to_stride, from += from_stride) {
        int64_t j           = 0;
        sluice__lanes lanes = {0};
        for (; j + SLUICE__LANES <= columns; j += SLUICE__LANES) {
            sluice__load(&lanes, from + j);
            sluice__store_bf16(to + j, &lanes);
        }
        if (j == columns) continue;
        uint16_t rest[SLUICE__LANES];
        memcpy(&lanes, from + j, (size_t)(columns - j) * sizeof *from);
        sluice__store_bf16(rest, &lanes);
        memcpy(to + j, rest, (size_t)(columns - j) * sizeof *to);
    }
}
SLUICE__VERSIONS(narrow,
                 (uint16_t * to, int64_t to_stride, const float *from, int64_t from_stride,
                  int64_t rows, int64_t columns),
                 (to, to_stride, from, from_stride, rows, columns))

void sluice__widen_rows(float *to, int64_t to_stride, const uint16_t *from, int64_t from_stride,
                        int64_t rows, int64_t columns) {
    widen(to, to_stride, from, from_stride, rows, columns);
}

void sluice__narrow_rows(uint16_t *to, int64_t to_stride, const float *from, int64_t from_stride,
                         int64_t rows, int64_t columns) {
    narrow(to, to_stride, from, from_stride, rows, columns);
}

void sluice__widen(float *to, const uint16_t *from, int64_t count) {
    widen(to, count, from, count, 1, count);
}

void sluice__narrow(uint16_t *to, const float *from, int64_t count) {
    narrow(to, count, from, count, 1, count);
}
