/* SPDX-License-Identifier: MIT */
/* operations.c -- the cpu's table of operations, one per precision that it computes in. */
#include "runtime/base/error.h"
#include "runtime/base/limits.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/working.h"

static sluice_status refuse(void) {
    const sluice_status status =
        sluice__fail(SLUICE_E_HOST_MEMORY, "out of host memory: %s has too little for a product",
                     sluice__blas_used()->name);
    return sluice__hint_limit(status, "use fewer ranks, or fewer threads of each");
}

/* The tasks of an operation return nothing: whether their products had memory is asked when they
 * are over. Another rank's failure counts, too: the memory is the same. */
#define CHECKED(function, args)                                                                    \
    static sluice_status checked_##function(sluice_stream *stream, const args *arguments) {        \
        const unsigned before = sluice__blas_failures();                                           \
        SLUICE__TRY(sluice__cpu_##function(stream, arguments));                                    \
        return sluice__blas_failures() == before ? SLUICE_OK : refuse();                           \
    }
#define X(row, args) CHECKED(row, args) CHECKED(bf16_##row, args)
SLUICE_OPERATION_MAP(X)
#undef X

static const sluice_operations fp32 = {.size          = sizeof fp32,
                                       .precision     = SLUICE_PRECISION_FP32,
                                       .type          = SLUICE_TYPE_F32,
                                       .working_bytes = sluice__no_working_bytes,
#define X(row, args) .row = checked_##row,
                                       SLUICE_OPERATION_MAP(X)
#undef X
};

static const sluice_operations bf16 = {.size          = sizeof bf16,
                                       .precision     = SLUICE_PRECISION_BF16,
                                       .type          = SLUICE_TYPE_BF16,
                                       .working_bytes = sluice__bf16_working_bytes,
#define X(row, args) .row = checked_bf16_##row,
                                       SLUICE_OPERATION_MAP(X)
#undef X
};

const sluice_operations *sluice__cpu_operations(sluice_precision precision) {
    switch (precision) {
    case SLUICE_PRECISION_FP32:
        return &fp32;
    case SLUICE_PRECISION_BF16:
        return &bf16;
    default:
        return NULL;
    }
}
