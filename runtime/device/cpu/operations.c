/* SPDX-License-Identifier: MIT */
/* operations.c -- the cpu's table of operations, one per precision that it computes in. */
#include "runtime/base/error.h"
#include "runtime/base/limits.h"
#include "runtime/device/cpu/cpu.h"
#include "runtime/device/plain.h"

static sluice_status refuse(void) {
    const sluice_status status =
        sluice__fail(SLUICE_E_HOST_MEMORY, "out of host memory: %s has too little for a product",
                     sluice__blas_used()->name);
    return sluice__hint_limit(status, "use fewer ranks, or fewer threads of each");
}

/* The tasks of an operation return nothing: whether their products had memory is asked when they
 * are over. Another rank's failure counts, too: the memory is the same. */
#define X(row, args)                                                                               \
    static sluice_status checked_##row(sluice_stream *stream, const args *arguments) {             \
        const unsigned before = sluice__blas_failures();                                           \
        SLUICE__TRY(sluice__cpu_##row(stream, arguments));                                         \
        return sluice__blas_failures() == before ? SLUICE_OK : refuse();                           \
    }
SLUICE_OPERATION_MAP(X)
#undef X

static const sluice_operations fp32 = {.size          = sizeof fp32,
                                       .precision     = SLUICE_PRECISION_FP32,
                                       .type          = SLUICE_TYPE_F32,
                                       .working_bytes = sluice__plain_working_bytes,
#define X(row, args) .row = checked_##row,
                                       SLUICE_OPERATION_MAP(X)
#undef X
};

const sluice_operations *sluice__cpu_operations(sluice_precision precision) {
    return precision == SLUICE_PRECISION_FP32 ? &fp32 : NULL;
}
