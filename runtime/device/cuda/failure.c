/* SPDX-License-Identifier: MIT */
/* failure.c -- errors of CUDA, cuBLAS and kernels, as sentences. */
#include <stdio.h>

#include "runtime/base/error.h"
#include "runtime/device/cuda/cuda.h"

sluice_status sluice__cuda_status(cudaError_t error, const char *what) {
    if (error == cudaSuccess) return SLUICE_OK;
    (void)cudaGetLastError(); /* cleared, since it is reported here */
    const bool memory          = error == cudaErrorMemoryAllocation;
    const sluice_status status = sluice__fail(
        memory ? SLUICE_E_DEVICE_MEMORY : SLUICE_E_DEVICE, "%s: %s (CUDA error %d, %s)", what,
        cudaGetErrorString(error), (int)error, cudaGetErrorName(error));
    if (!memory) return status;
    return sluice__hint(status, "make the batch smaller, use more micro-batches or more GPUs");
}

void sluice__cuda_given_back(cudaError_t error) {
    if (error != cudaSuccess) (void)cudaGetLastError();
}

/* ---- memory ---- */

sluice_status sluice__cuda_take(void **out, size_t bytes, const char *what) {
    char words[128];
    (void)snprintf(words, sizeof words, "%s of %zu bytes", what, bytes);
    return sluice__cuda_status(cudaMalloc(out, bytes > 0 ? bytes : 1), words);
}

/* Where memory is exhausted, it is the host's. */
sluice_status sluice__cuda_pin(void **out, size_t bytes, unsigned flags) {
    const cudaError_t error = cudaHostAlloc(out, bytes > 0 ? bytes : 1, flags);
    if (error != cudaErrorMemoryAllocation)
        return sluice__cuda_status(error, "pinning host memory");
    (void)cudaGetLastError();
    return sluice__fail(SLUICE_E_HOST_MEMORY,
                        "pinning %zu bytes of host memory: %s (CUDA error %d, %s)", bytes,
                        cudaGetErrorString(error), (int)error, cudaGetErrorName(error));
}

/* ---- cuBLAS and kernels ---- */

/* If a GPU failed, cuBLAS says only that. It has a CUDA runtime of its own, so that ours knows
 * nothing of it until it asks the driver. */
sluice_status sluice__cublas_status(const sluice_stream *stream, cublasStatus_t error,
                                    const char *what) {
    if (error == CUBLAS_STATUS_SUCCESS) return SLUICE_OK;
    const cudaError_t reason = cudaStreamQuery(stream->handle);
    if (reason != cudaErrorNotReady) SLUICE__TRY(sluice__cuda_status(reason, what));
    (void)cudaGetLastError();
    return sluice__fail(error == CUBLAS_STATUS_ALLOC_FAILED ? SLUICE_E_DEVICE_MEMORY
                                                            : SLUICE_E_DEVICE,
                        "%s: %s (cuBLAS status %d, %s)", what, cublasLtGetStatusString(error),
                        (int)error, cublasLtGetStatusName(error));
}

/* Kernels may still run: one that finds something writes `what` last. */
sluice_status sluice__cuda_report(const sluice__cuda_fault *fault, unsigned long long epoch) {
    const int what = __atomic_load_n(&fault->what, __ATOMIC_ACQUIRE);
    if (what == 0 || __atomic_load_n(&fault->epoch, __ATOMIC_RELAXED) >= epoch) return SLUICE_OK;
    const unsigned long long index = __atomic_load_n(&fault->index, __ATOMIC_RELAXED);
    const unsigned long long limit = __atomic_load_n(&fault->limit, __ATOMIC_RELAXED);
    const int value                = __atomic_load_n(&fault->value, __ATOMIC_RELAXED);
    sluice_status status           = SLUICE_E_ARGUMENT;
    if (what == SLUICE__FAULT_TOKEN)
        status = sluice__fail(status, "token %llu is %d, and the table has %llu rows", index, value,
                              limit);
    else
        status = sluice__fail(status, "the target of row %llu is %d, and there are %llu classes",
                              index, value, limit);
    return sluice__hint(status, "use a model whose vocabulary is that of the data");
}
