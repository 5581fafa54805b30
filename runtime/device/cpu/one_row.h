/* SPDX-License-Identifier: MIT */
/* one_row.h -- products with one row, as when a text is generated token by token. */
#ifndef SLUICE_DEVICE_CPU_ONE_ROW_H
#define SLUICE_DEVICE_CPU_ONE_ROW_H

#include "runtime/device/cpu/blas.h"

/* Columns of a tile of such a product, of which there are enough for so many threads. Results do
 * not depend on it. */
int64_t sluice__row_columns(const sluice__product *whole, int threads);
/* At most so many columns, of a product with one row, of either type; `space`: as
 * sluice__multiply()'s. */
void sluice__multiply_row(const sluice__product *product, float *space);

#endif
