/* SPDX-License-Identifier: MIT */
/*
 * cublas.c -- the one place for cuBLAS: handles, their settings, and products queued on a stream.
 *
 * Matrices are column-major. A product fills the ends of its workspace with NaNs, so that what the
 * program keeps there is seen to be lost; one without a workspace of its own is counted.
 */
#include "internal.h"
#include "product.h"

#include <stdlib.h>
#include <string.h>

#include <cublas_v2.h>

struct cublasContext {
    struct cublasContext *next;
    cudaStream_t stream;
    int device;
    cublasMath_t math;
    cublasPointerMode_t pointers;
    void *workspace;
    size_t workspace_bytes;
};

static struct cublasContext *handles; /* (locked) */

/* cuBLAS says what failed by its status, and leaves no error of the thread behind. */
static cublasStatus_t status_of(cudaError_t code) {
    if (code == cudaSuccess) return CUBLAS_STATUS_SUCCESS;
    (void)cudaGetLastError();
    return code == cudaErrorMemoryAllocation ? CUBLAS_STATUS_ALLOC_FAILED
                                             : CUBLAS_STATUS_EXECUTION_FAILED;
}

static cublasStatus_t enter(const char *function, cublasHandle_t handle) {
    const cublasStatus_t entered = status_of(emu__enter(function));
    if (entered != CUBLAS_STATUS_SUCCESS) return entered;
    if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (handle->device != emu__device())
        emu__report("%s: device %d is current, the handle is of device %d", function, emu__device(),
                    handle->device);
    return CUBLAS_STATUS_SUCCESS;
}

#define ENTER(handle)                                                                              \
    do {                                                                                           \
        const cublasStatus_t entered_ = enter(__func__, handle);                                   \
        emu__asked_from(__builtin_return_address(0));                                              \
        if (entered_ != CUBLAS_STATUS_SUCCESS) return entered_;                                    \
    } while (0)

cublasStatus_t cublasCreate_v2(cublasHandle_t *out) {
    struct cublasContext *const handle = emu__need(sizeof *handle);
    handle->device                     = emu__device();
    const cublasStatus_t entered       = enter(__func__, handle);
    if (entered != CUBLAS_STATUS_SUCCESS) {
        free(handle);
        return entered == CUBLAS_STATUS_EXECUTION_FAILED ? CUBLAS_STATUS_NOT_INITIALIZED : entered;
    }
    emu__lock();
    handle->next = handles;
    handles      = handle;
    emu__unlock();
    *out = handle;
    return entered;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
    emu__count_call(__func__);
    emu__lock();
    struct cublasContext **at = &handles;
    while (*at && *at != handle) at = &(*at)->next;
    if (!*at) emu__report("%s: %p is not a handle", __func__, (void *)handle);
    *at = handle->next;
    emu__unlock();
    free(handle);
    return CUBLAS_STATUS_SUCCESS;
}

/* As cuBLAS does: a workspace set before is forgotten. */
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
    ENTER(handle);
    emu__lock();
    emu__expect_stream(stream, __func__);
    emu__unlock();
    handle->stream          = stream;
    handle->workspace       = NULL;
    handle->workspace_bytes = 0;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetStream_v2(cublasHandle_t handle, cudaStream_t *stream) {
    ENTER(handle);
    *stream = handle->stream;
    return CUBLAS_STATUS_SUCCESS;
}

/* Products of two streams that share a workspace spoil each other, now and then. */
static void expect_own_workspace(const struct cublasContext *handle) {
    const char *const from = handle->workspace, *const to = from + handle->workspace_bytes;
    for (const struct cublasContext *other = handles; other; other = other->next) {
        const char *const at = other->workspace;
        if (other != handle && other->stream != handle->stream && at && at < to &&
            from < at + other->workspace_bytes)
            emu__report("cublasSetWorkspace: streams %d and %d are given one workspace",
                        other->stream->number, handle->stream->number);
    }
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void *workspace, size_t bytes) {
    ENTER(handle);
    if ((size_t)workspace % 256 != 0) return CUBLAS_STATUS_INVALID_VALUE;
    emu__lock();
    emu__expect_range(workspace, bytes, handle->device, __func__);
    handle->workspace       = workspace;
    handle->workspace_bytes = bytes;
    if (handle->stream) expect_own_workspace(handle);
    emu__unlock();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
    ENTER(handle);
    handle->math = mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetMathMode(cublasHandle_t handle, cublasMath_t *mode) {
    ENTER(handle);
    *mode = handle->math;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t mode) {
    ENTER(handle);
    if (mode != CUBLAS_POINTER_MODE_HOST) return CUBLAS_STATUS_NOT_SUPPORTED;
    handle->pointers = mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t mode) {
    ENTER(handle);
    return mode == CUBLAS_ATOMICS_NOT_ALLOWED ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasGetVersion_v2(cublasHandle_t handle, int *version) {
    ENTER(handle);
    *version = CUBLAS_VERSION;
    return CUBLAS_STATUS_SUCCESS;
}

size_t cublasGetCudartVersion(void) {
    return CUDART_VERSION;
}

/* clang-format off */
#define STATUSES(X)                                                                                \
    X(CUBLAS_STATUS_SUCCESS) X(CUBLAS_STATUS_NOT_INITIALIZED) X(CUBLAS_STATUS_ALLOC_FAILED)        \
    X(CUBLAS_STATUS_INVALID_VALUE) X(CUBLAS_STATUS_ARCH_MISMATCH) X(CUBLAS_STATUS_MAPPING_ERROR)   \
    X(CUBLAS_STATUS_EXECUTION_FAILED) X(CUBLAS_STATUS_INTERNAL_ERROR)                              \
    X(CUBLAS_STATUS_NOT_SUPPORTED)
/* clang-format on */

const char *cublasGetStatusName(cublasStatus_t status) {
    switch (status) {
#define X(name)                                                                                    \
    case name:                                                                                     \
        return #name;
        STATUSES(X)
#undef X
    default:
        return "a status that the emulation has no name for";
    }
}

const char *cublasGetStatusString(cublasStatus_t status) {
    return status == CUBLAS_STATUS_SUCCESS ? "success" : cublasGetStatusName(status);
}

/* ---- products ---- */

static cublasStatus_t enqueue(cublasHandle_t handle, const emu__product *product,
                              const char *name) {
    if (!emu__product_fits(product)) return CUBLAS_STATUS_INVALID_VALUE;
    if (!handle->stream) emu__report("%s: the handle has no stream", name);
    emu__product *const copy = emu__need(sizeof *copy);
    *copy                    = *product;
    copy->workspace          = handle->workspace;
    copy->workspace_bytes    = handle->workspace_bytes;
    emu__lock();
    emu__product_expect_memory(copy, handle->device, name);
    if (!copy->workspace) emu__count("product without workspace");
    if (copy->tf32) emu__count("tf32 product");
    emu__unlock();
    return status_of(emu__work(handle->stream, name, emu__product_run, copy, free));
}

static bool transposed(cublasOperation_t operation) {
    return operation != CUBLAS_OP_N;
}

static bool reads_tf32(cublasHandle_t handle, cublasComputeType_t compute) {
    return compute == CUBLAS_COMPUTE_32F_FAST_TF32 ||
           (compute == CUBLAS_COMPUTE_32F && handle->math == CUBLAS_TF32_TENSOR_OP_MATH);
}

static bool is_fp32(cudaDataType a, cudaDataType b, cudaDataType c, cublasComputeType_t compute) {
    return a == CUDA_R_32F && b == CUDA_R_32F && c == CUDA_R_32F &&
           (compute == CUBLAS_COMPUTE_32F || compute == CUBLAS_COMPUTE_32F_FAST_TF32 ||
            compute == CUBLAS_COMPUTE_32F_PEDANTIC);
}

/* The arguments that all products have, by the names of cublas_v2.h. */
#define PRODUCT(times, step_a, step_b, step_c, compute)                                            \
    (emu__product) {                                                                               \
        .m = m, .n = n, .k = k, .a = a, .b = b, .c = c, .d = c, .lda = lda, .ldb = ldb,            \
        .ldc = ldc, .ldd = ldc, .stride_a = (step_a), .stride_b = (step_b), .stride_c = (step_c),  \
        .stride_d = (step_c), .batch = (times), .transpose_a = transposed(transa),                 \
        .transpose_b = transposed(transb), .alpha = *(const float *)alpha,                         \
        .beta = *(const float *)beta, .tf32 = reads_tf32(handle, compute)                          \
    }

/* NOLINTNEXTLINE(readability-function-size): the parameters are cuBLAS's. */
cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transa,
                                          cublasOperation_t transb, int m, int n, int k,
                                          const void *alpha, const void *a, cudaDataType a_type,
                                          int lda, long long stride_a, const void *b,
                                          cudaDataType b_type, int ldb, long long stride_b,
                                          const void *beta, void *c, cudaDataType c_type, int ldc,
                                          long long stride_c, int batch,
                                          cublasComputeType_t compute, cublasGemmAlgo_t algorithm) {
    ENTER(handle);
    (void)algorithm;
    if (!is_fp32(a_type, b_type, c_type, compute)) return CUBLAS_STATUS_NOT_SUPPORTED;
    return enqueue(handle, &PRODUCT(batch, stride_a, stride_b, stride_c, compute), __func__);
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are cuBLAS's. */
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa,
                            cublasOperation_t transb, int m, int n, int k, const void *alpha,
                            const void *a, cudaDataType a_type, int lda, const void *b,
                            cudaDataType b_type, int ldb, const void *beta, void *c,
                            cudaDataType c_type, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t algorithm) {
    ENTER(handle);
    (void)algorithm;
    if (!is_fp32(a_type, b_type, c_type, compute)) return CUBLAS_STATUS_NOT_SUPPORTED;
    return enqueue(handle, &PRODUCT(1, 0, 0, 0, compute), __func__);
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are cuBLAS's. */
cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t transa,
                                         cublasOperation_t transb, int m, int n, int k,
                                         const float *alpha, const float *a, int lda,
                                         long long stride_a, const float *b, int ldb,
                                         long long stride_b, const float *beta, float *c, int ldc,
                                         long long stride_c, int batch) {
    ENTER(handle);
    return enqueue(handle, &PRODUCT(batch, stride_a, stride_b, stride_c, CUBLAS_COMPUTE_32F),
                   __func__);
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are cuBLAS's. */
cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t transa,
                              cublasOperation_t transb, int m, int n, int k, const float *alpha,
                              const float *a, int lda, const float *b, int ldb, const float *beta,
                              float *c, int ldc) {
    ENTER(handle);
    return enqueue(handle, &PRODUCT(1, 0, 0, 0, CUBLAS_COMPUTE_32F), __func__);
}
