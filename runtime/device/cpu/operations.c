/* SPDX-License-Identifier: MIT */
/* operations.c -- the cpu's table of operations, one per precision that it computes in. */
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/plain.h"

static const sluice_operations fp32 = {.size          = sizeof fp32,
                                       .precision     = SLUICE_PRECISION_FP32,
                                       .type          = SLUICE_TYPE_F32,
                                       .working_bytes = sluice__plain_working_bytes,
#define X(row, args) .row = sluice__cpu_##row,
                                       SLUICE_OPERATION_MAP(X)
#undef X
};

const sluice_operations *sluice__cpu_operations(sluice_precision precision) {
    return precision == SLUICE_PRECISION_FP32 ? &fp32 : NULL;
}
