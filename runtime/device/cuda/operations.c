/* SPDX-License-Identifier: MIT */
/* operations.c -- tables of operations, one per precision that GPUs compute in: an operation is
 * written once and gets the precision. */
#include "runtime/device/cuda/cuda.h"
#include "runtime/device/working.h"

#define X(row, args)                                                                               \
    static sluice_status row##_fp32(sluice_stream *stream, const args *arguments) {                \
        return sluice__cuda_##row(stream, arguments, SLUICE_PRECISION_FP32);                       \
    }                                                                                              \
    static sluice_status row##_tf32(sluice_stream *stream, const args *arguments) {                \
        return sluice__cuda_##row(stream, arguments, SLUICE_PRECISION_TF32);                       \
    }                                                                                              \
    static sluice_status row##_bf16(sluice_stream *stream, const args *arguments) {                \
        return sluice__cuda_##row(stream, arguments, SLUICE_PRECISION_BF16);                       \
    }
SLUICE_OPERATION_MAP(X)
#undef X

static const sluice_operations fp32 = {.size          = sizeof fp32,
                                       .precision     = SLUICE_PRECISION_FP32,
                                       .type          = SLUICE_TYPE_F32,
                                       .working_bytes = sluice__no_working_bytes,
#define X(row, args) .row = row##_fp32,
                                       SLUICE_OPERATION_MAP(X)
#undef X
};

static const sluice_operations tf32 = {.size          = sizeof tf32,
                                       .precision     = SLUICE_PRECISION_TF32,
                                       .type          = SLUICE_TYPE_F32,
                                       .working_bytes = sluice__no_working_bytes,
#define X(row, args) .row = row##_tf32,
                                       SLUICE_OPERATION_MAP(X)
#undef X
};

static const sluice_operations bf16 = {.size          = sizeof bf16,
                                       .precision     = SLUICE_PRECISION_BF16,
                                       .type          = SLUICE_TYPE_BF16,
                                       .working_bytes = sluice__bf16_working_bytes,
#define X(row, args) .row = row##_bf16,
                                       SLUICE_OPERATION_MAP(X)
#undef X
};

const sluice_operations *sluice__cuda_operations(sluice_precision precision) {
    switch (precision) {
    case SLUICE_PRECISION_FP32:
        return &fp32;
    case SLUICE_PRECISION_TF32:
        return &tf32;
    case SLUICE_PRECISION_BF16:
        return &bf16;
    }
    return NULL;
}
