/* SPDX-License-Identifier: MIT */
/* transpose.h -- a matrix with rows and columns exchanged. */
#ifndef SLUICE_DEVICE_CPU_TRANSPOSE_H
#define SLUICE_DEVICE_CPU_TRANSPOSE_H

#include <stdint.h>

/* to (columns, rows) = the transpose of from (rows, columns); strides are between rows. */
void sluice__transpose(float *to, int64_t to_stride, const float *from, int64_t from_stride,
                       int64_t rows, int64_t columns);

#endif
