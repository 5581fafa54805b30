/* SPDX-License-Identifier: MIT */
/* working.h -- bytes of the working copies of parameters, as the rows of the tables of operations.
 */
#ifndef SLUICE_DEVICE_WORKING_H
#define SLUICE_DEVICE_WORKING_H

#include "sluice/tensor.h"

/* 0: layers read the masters. */
static inline size_t sluice__no_working_bytes(const sluice_shape *parameter) {
    (void)parameter;
    return 0;
}

static inline size_t sluice__bf16_working_bytes(const sluice_shape *parameter) {
    return (size_t)sluice_shape_count(parameter) * sluice_type_bytes(SLUICE_TYPE_BF16);
}

#endif
