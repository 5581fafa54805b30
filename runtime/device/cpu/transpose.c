/* SPDX-License-Identifier: MIT */
/* transpose.c -- the one file that exchanges rows and columns: eight by eight in registers. */
#include "runtime/device/cpu/transpose.h"

#include "runtime/device/cpu/loops.h"

/* Elements of two vectors, by their numbers 0 .. 15. */
#define PICK __builtin_shufflevector

/* Pairs are exchanged, then fours, then eights. */
SLUICE__LOOP void transpose_eight(float *to, int64_t to_stride, const float *from,
                                  int64_t from_stride) {
    sluice__lanes r[SLUICE__LANES], s[SLUICE__LANES];
    for (int i = 0; i < SLUICE__LANES; i++) sluice__load(&r[i], from + i * from_stride);
    for (int i = 0; i < SLUICE__LANES; i += 2) {
        s[i]     = PICK(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        s[i + 1] = PICK(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int i = 0; i < SLUICE__LANES; i += i % 4 == 1 ? 3 : 1) {
        r[i]     = PICK(s[i], s[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        r[i + 2] = PICK(s[i], s[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
    for (int i = 0; i < 4; i++) {
        s[i]     = PICK(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        s[i + 4] = PICK(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
    for (int i = 0; i < SLUICE__LANES; i++) memcpy(to + i * to_stride, &s[i], sizeof s[i]);
}

SLUICE__LOOP void transpose_loop(float *to, int64_t to_stride, const float *from,
                                 int64_t from_stride, int64_t rows, int64_t columns) {
    for (int64_t i = 0; i < rows; i += SLUICE__LANES)
        for (int64_t j = 0; j < columns; j += SLUICE__LANES) {
            const float *const block = from + i * from_stride + j;
            float *const result      = to + j * to_stride + i;
            if (i + SLUICE__LANES <= rows && j + SLUICE__LANES <= columns) {
                transpose_eight(result, to_stride, block, from_stride);
                continue;
            }
            for (int64_t y = 0; y < SLUICE__LANES && i + y < rows; y++)
                for (int64_t x = 0; x < SLUICE__LANES && j + x < columns; x++)
                    result[x * to_stride + y] = block[y * from_stride + x];
        }
}
SLUICE__VERSIONS(transpose,
                 (float *to, int64_t to_stride, const float *from, int64_t from_stride,
                  int64_t rows, int64_t columns),
                 (to, to_stride, from, from_stride, rows, columns))

void sluice__transpose(float *to, int64_t to_stride, const float *from, int64_t from_stride,
                       int64_t rows, int64_t columns) {
    transpose(to, to_stride, from, from_stride, rows, columns);
}
