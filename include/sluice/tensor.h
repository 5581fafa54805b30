/* SPDX-License-Identifier: MIT */
/* tensor.h -- element types and shapes: plain values. */
#ifndef SLUICE_TENSOR_H
#define SLUICE_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "sluice/export.h"

/* One table: the enum, the size of an element, and its name. Values are ABI: append. */
/* clang-format off */
#define SLUICE_TYPE_MAP(X)         \
    X(F32,  0, 4, "float32")       \
    X(I32,  1, 4, "int32")         \
    X(BF16, 2, 2, "bfloat16")      \
    X(F16,  3, 2, "float16")
/* clang-format on */

/* F32: float. I32: int32_t, tokens and class targets. BF16: the upper half of a float. F16: IEEE
 * 754 binary16, in files only. */
typedef enum sluice_type {
#define X(name, code, bytes, text) SLUICE_TYPE_##name = (code),
    SLUICE_TYPE_MAP(X)
#undef X
} sluice_type;

/* Bytes of an element; 0 for an unknown type. */
SLUICE_API size_t sluice_type_bytes(sluice_type type);
/* "float32"; never NULL. */
SLUICE_API const char *sluice_type_name(sluice_type type);

/*
 * The arithmetic of a run: the element type of activations and of the parameters as layers read
 * them, and how products are rounded. Masters of parameters, their gradients and optimizer state
 * are fp32 in every precision. Values are ABI: append.
 */
/* clang-format off */
#define SLUICE_PRECISION_MAP(X)   \
    X(FP32, 0, F32,  "fp32")      \
    X(TF32, 1, F32,  "tf32")      \
    X(BF16, 2, BF16, "bf16")
/* clang-format on */

/* FP32. TF32: fp32 whose products may round their factors to 10 bits of mantissa. BF16: bfloat16
 * with fp32 masters. */
typedef enum sluice_precision {
#define X(name, code, type, text) SLUICE_PRECISION_##name = (code),
    SLUICE_PRECISION_MAP(X)
#undef X
} sluice_precision;
enum { SLUICE_PRECISIONS = 3 };

/* "bf16"; never NULL. */
SLUICE_API const char *sluice_precision_name(sluice_precision precision);
/* The element type of activations. */
SLUICE_API sluice_type sluice_precision_type(sluice_precision precision);

enum { SLUICE_MAX_DIMS = 4 };

/* Row-major and contiguous; the last dimension is the fastest. Unused dims are 0. */
typedef struct sluice_shape {
    sluice_type type;
    int dim_count; /* 0 .. SLUICE_MAX_DIMS */
    int64_t dims[SLUICE_MAX_DIMS];
} sluice_shape;

/* Elements (1 when dim_count is 0). */
SLUICE_API int64_t sluice_shape_count(const sluice_shape *shape);
/* Bytes: elements times the element's size. */
SLUICE_API size_t sluice_shape_bytes(const sluice_shape *shape);

#endif
