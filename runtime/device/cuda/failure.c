/* SPDX-License-Identifier: MIT */
/* failure.c -- what CUDA, cuBLAS and kernels say, made sentences. */
#include <inttypes.h>

#include "runtime/base/error.h"
#include "runtime/device/cuda/cuda.h"

sluice_status sluice__cuda_status(cudaError_t error, const char *what) {
    if (error == cudaSuccess) return SLUICE_OK;
    (void)cudaGetLastError(); /* it is told here: nobody else shall find it */
    if (error == cudaErrorMemoryAllocation) {
        const sluice_status status =
            sluice__fail(SLUICE_E_DEVICE_MEMORY, "%s: the GPU's memory does not suffice", what);
        return sluice__hint(status, "make the batch smaller, use more micro-batches or more GPUs");
    }
    return sluice__fail(SLUICE_E_DEVICE, "%s: %s (CUDA error %d, %s)", what,
                        cudaGetErrorString(error), (int)error, cudaGetErrorName(error));
}

sluice_status sluice__cublas_status(cublasStatus_t error, const char *what) {
    if (error == CUBLAS_STATUS_SUCCESS) return SLUICE_OK;
    return sluice__fail(SLUICE_E_DEVICE, "%s: %s (cuBLAS status %d, %s)", what,
                        cublasLtGetStatusString(error), (int)error, cublasLtGetStatusName(error));
}

sluice_status sluice__cuda_report(sluice__cuda_fault *fault) {
    const sluice__cuda_fault found = *fault;
    if (found.what == 0) return SLUICE_OK;
    *fault               = (sluice__cuda_fault){0};
    sluice_status status = SLUICE_E_ARGUMENT;
    if (found.what == SLUICE__FAULT_TOKEN)
        status = sluice__fail(
            status, "token %" PRId64 " is %" PRId32 ", and the table has %" PRId64 " rows",
            found.index, found.value, found.limit);
    else
        status = sluice__fail(status,
                              "the target of row %" PRId64 " is %" PRId32 ", and there are %" PRId64
                              " classes",
                              found.index, found.value, found.limit);
    return sluice__hint(status, "use a model whose vocabulary is that of the data");
}
