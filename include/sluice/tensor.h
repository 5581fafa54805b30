/* SPDX-License-Identifier: MIT */
/* tensor.h -- element types and shapes: plain values. */
#ifndef SLUICE_TENSOR_H
#define SLUICE_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "sluice/export.h"

typedef enum sluice_type {
    SLUICE_F32 = 0, /* float */
    SLUICE_I32 = 1  /* int32_t: tokens, class targets */
} sluice_type;

/* The arithmetic of a run. Values are ABI. */
typedef enum sluice_precision { SLUICE_FP32 = 0 } sluice_precision;

enum { SLUICE_MAX_DIMS = 4 };

/* Row-major and contiguous; the last dimension is the fastest. Unused dims are 0. */
typedef struct sluice_shape {
    sluice_type type;
    int rank; /* number of dimensions, 0..SLUICE_MAX_DIMS */
    int64_t dims[SLUICE_MAX_DIMS];
} sluice_shape;

/* Elements (1 when rank is 0). */
SLUICE_API int64_t sluice_shape_count(const sluice_shape *shape);
/* Bytes: elements times the element's size. */
SLUICE_API size_t sluice_shape_bytes(const sluice_shape *shape);

#endif
