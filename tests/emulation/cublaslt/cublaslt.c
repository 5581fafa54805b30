/* SPDX-License-Identifier: MIT */
/*
 * cublaslt.c -- the one place for cuBLASLt: handles, descriptions, the choice of algorithms, and
 * products queued on a stream.
 *
 * Matrices are column-major. As in the library, answers depend on the shape: the order in which an
 * algorithm sums and the workspace it takes depend on what it was chosen for, and it may be used
 * for nothing else. An algorithm that may split its sums is reported, since the project forbids
 * them. A product fills the ends of its workspace with NaNs. Matrices are fp32, or A and B are bf16
 * and C and D either; there is no algorithm that adds a bias to a single row or column, and only
 * some write a D that is not C.
 */
#include "internal.h"
#include "product.h"

#include <stdlib.h>
#include <string.h>

#include <cublasLt.h>

struct cublasLtContext {
    struct cublasLtContext *next;
    int device;
};

static struct cublasLtContext *handles; /* (locked) */

/* cuBLAS reports failures by its status, and leaves no error of the thread behind. */
static cublasStatus_t status_of(cudaError_t code) {
    if (code == cudaSuccess) return CUBLAS_STATUS_SUCCESS;
    emu__library_keeps_error();
    return code == cudaErrorMemoryAllocation ? CUBLAS_STATUS_ALLOC_FAILED
                                             : CUBLAS_STATUS_EXECUTION_FAILED;
}

/* ---- handles ---- */

cublasStatus_t cublasLtCreate(cublasLtHandle_t *out) {
    const cublasStatus_t entered = status_of(emu__enter(__func__));
    if (entered != CUBLAS_STATUS_SUCCESS)
        return entered == CUBLAS_STATUS_EXECUTION_FAILED ? CUBLAS_STATUS_NOT_INITIALIZED : entered;
    struct cublasLtContext *const handle = emu__need(sizeof *handle);
    handle->device                       = emu__device();
    emu__lock();
    handle->next = handles;
    handles      = handle;
    emu__live("cuBLAS handle", 1);
    emu__unlock();
    *out = handle;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
    cudaError_t error = cudaSuccess;
    if (!emu__enter_back(__func__, &error)) return status_of(error);
    emu__lock();
    struct cublasLtContext **at = &handles;
    while (*at && *at != handle) at = &(*at)->next;
    if (!*at) emu__report("%s: %p is not a handle", __func__, (void *)handle);
    *at = handle->next;
    emu__live("cuBLAS handle", -1);
    emu__unlock();
    free(handle);
    return status_of(error);
}

/* Inlined, so that the call site is known. */
static inline __attribute__((always_inline)) cublasStatus_t enter(const char *function,
                                                                  cublasLtHandle_t handle) {
    const cublasStatus_t entered = status_of(emu__enter(function));
    if (entered != CUBLAS_STATUS_SUCCESS) return entered;
    if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (handle->device != emu__device())
        emu__report("%s: device %d is current, the handle is of device %d", function, emu__device(),
                    handle->device);
    return CUBLAS_STATUS_SUCCESS;
}

/* For functions that need no device. */
#define ENTER_ANY()                                                                                \
    do {                                                                                           \
        const cublasStatus_t entered_ = status_of(emu__enter_any(__func__));                       \
        if (entered_ != CUBLAS_STATUS_SUCCESS) return entered_;                                    \
    } while (0)

/* clang-format off */
#define STATUSES(X)                                                                                \
    X(CUBLAS_STATUS_SUCCESS) X(CUBLAS_STATUS_NOT_INITIALIZED) X(CUBLAS_STATUS_ALLOC_FAILED)        \
    X(CUBLAS_STATUS_INVALID_VALUE) X(CUBLAS_STATUS_ARCH_MISMATCH) X(CUBLAS_STATUS_MAPPING_ERROR)   \
    X(CUBLAS_STATUS_EXECUTION_FAILED) X(CUBLAS_STATUS_INTERNAL_ERROR)                              \
    X(CUBLAS_STATUS_NOT_SUPPORTED)
/* clang-format on */

const char *cublasLtGetStatusName(cublasStatus_t status) {
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

const char *cublasLtGetStatusString(cublasStatus_t status) {
    switch (status) {
    case CUBLAS_STATUS_SUCCESS:
        return "success";
    case CUBLAS_STATUS_EXECUTION_FAILED:
        return "the function failed to launch on the GPU";
    case CUBLAS_STATUS_ALLOC_FAILED:
        return "the resource allocation failed";
    default:
        return "the function failed";
    }
}

/* ---- descriptions: what the opaque structs hold here ---- */

typedef struct operation {
    cublasComputeType_t compute;
    int32_t transpose[2];
    cublasLtEpilogue_t epilogue;
    const void *bias;
} operation;

typedef struct layout {
    cudaDataType type;
    uint64_t rows, columns;
    int64_t leading;
} layout;

typedef struct preference {
    uint64_t workspace;
    uint32_t reduction;
    uint32_t alignment[4]; /* A, B, C, D */
} preference;

typedef struct algorithm {
    uint64_t chosen_for; /* a hash of operation and layouts */
    uint64_t workspace;
    uint32_t reduction;
    uint32_t alignment[4];
} algorithm;

_Static_assert(sizeof(operation) <= sizeof(cublasLtMatmulDescOpaque_t), "fits");
_Static_assert(sizeof(layout) <= sizeof(cublasLtMatrixLayoutOpaque_t), "fits");
_Static_assert(sizeof(preference) <= sizeof(cublasLtMatmulPreferenceOpaque_t), "fits");
_Static_assert(sizeof(algorithm) <= sizeof(cublasLtMatmulAlgo_t), "fits");

cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t out, size_t size,
                                               cublasComputeType_t compute, cudaDataType_t scale) {
    ENTER_ANY();
    if (size < sizeof *out) return CUBLAS_STATUS_ALLOC_FAILED;
    if (scale != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
    const operation o = {compute, {CUBLAS_OP_N, CUBLAS_OP_N}, CUBLASLT_EPILOGUE_DEFAULT, NULL};
    memcpy(out, &o, sizeof o);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t to,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void *value, size_t size) {
    ENTER_ANY();
    operation o;
    void *at       = NULL;
    size_t at_size = sizeof *o.transpose;
    memcpy(&o, to, sizeof o);
    switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
    case CUBLASLT_MATMUL_DESC_TRANSB:
        at = &o.transpose[attribute == CUBLASLT_MATMUL_DESC_TRANSA ? 0 : 1];
        break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
        at      = &o.epilogue;
        at_size = sizeof o.epilogue;
        break;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
        at      = (void *)&o.bias;
        at_size = sizeof o.bias;
        break;
    default:
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    if (!value || size != at_size) return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(at, value, size);
    memcpy(to, &o, sizeof o);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t out, size_t size,
                                                 cudaDataType type, uint64_t rows, uint64_t columns,
                                                 int64_t leading) {
    ENTER_ANY();
    if (size < sizeof *out) return CUBLAS_STATUS_ALLOC_FAILED;
    if (type != CUDA_R_32F && type != CUDA_R_16BF) return CUBLAS_STATUS_NOT_SUPPORTED;
    layout l;
    memset(&l, 0, sizeof l); /* compared as bytes */
    l.type    = type;
    l.rows    = rows;
    l.columns = columns;
    l.leading = leading;
    memcpy(out, &l, sizeof l);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t out, size_t size) {
    ENTER_ANY();
    if (size < sizeof *out) return CUBLAS_STATUS_ALLOC_FAILED;
    const preference p = {0, CUBLASLT_REDUCTION_SCHEME_MASK, {256, 256, 256, 256}};
    memcpy(out, &p, sizeof p);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t to,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void *value, size_t size) {
    ENTER_ANY();
    preference p;
    memcpy(&p, to, sizeof p);
    void *at       = NULL;
    size_t at_size = sizeof(uint32_t);
    switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
        at      = &p.workspace;
        at_size = sizeof p.workspace;
        break;
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
        at = &p.reduction;
        break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
        at = &p.alignment[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES];
        break;
    default:
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    if (!value || size != at_size) return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(at, value, size);
    memcpy(to, &p, sizeof p);
    return CUBLAS_STATUS_SUCCESS;
}

/* ---- algorithms ---- */

/* A product's description, without addresses. */
typedef struct described {
    operation how;
    layout a, b, c;
} described;

static described read_description(const void *how, const void *a, const void *b, const void *c) {
    described d;
    memset(&d, 0, sizeof d);
    memcpy(&d.how, how, sizeof d.how);
    memcpy(&d.a, a, sizeof d.a);
    memcpy(&d.b, b, sizeof d.b);
    memcpy(&d.c, c, sizeof d.c);
    return d;
}

static uint64_t hash_of(const described *d) {
    const uint64_t words[] = {(uint64_t)d->how.compute,
                              (uint64_t)d->how.transpose[0],
                              (uint64_t)d->how.transpose[1],
                              (uint64_t)d->how.epilogue,
                              (uint64_t)d->a.type,
                              (uint64_t)d->b.type,
                              (uint64_t)d->c.type,
                              d->a.rows,
                              d->a.columns,
                              (uint64_t)d->a.leading,
                              d->b.rows,
                              d->b.columns,
                              (uint64_t)d->b.leading,
                              d->c.rows,
                              d->c.columns,
                              (uint64_t)d->c.leading};
    uint64_t hash          = 0;
    for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        hash ^= words[w];
        hash = emu__random(&hash);
    }
    return hash;
}

static bool transposed(const described *d, int which) {
    return d->how.transpose[which] != CUBLAS_OP_N;
}

static bool layouts_meet(const described *d) {
    const bool ta = transposed(d, 0), tb = transposed(d, 1);
    const uint64_t m = ta ? d->a.columns : d->a.rows, inner_a = ta ? d->a.rows : d->a.columns;
    const uint64_t n = tb ? d->b.rows : d->b.columns, inner_b = tb ? d->b.columns : d->b.rows;
    return m == d->c.rows && n == d->c.columns && inner_a == inner_b && m <= INT32_MAX &&
           n <= INT32_MAX && inner_a <= INT32_MAX && d->a.leading >= (int64_t)d->a.rows &&
           d->b.leading >= (int64_t)d->b.rows && d->c.leading >= (int64_t)d->c.rows;
}

/* Whether there is an algorithm. */
static bool types_meet(const described *d) {
    const bool tf32 = d->how.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    if (d->a.type != d->b.type || (tf32 && d->a.type != CUDA_R_32F)) return false;
    return d->a.type == CUDA_R_16BF || d->c.type == CUDA_R_32F;
}

static bool epilogue_is_there(const described *d) {
    if (d->how.epilogue == CUBLASLT_EPILOGUE_DEFAULT) return true;
    return d->how.epilogue == CUBLASLT_EPILOGUE_BIAS && d->c.rows > 1 && d->c.columns > 1;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are cuBLAS's. */
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t how,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t wishes, int requested,
                                              cublasLtMatmulHeuristicResult_t *results,
                                              int *count) {
    const cublasStatus_t entered = enter(__func__, handle);
    const described of           = read_description(how, a, b, c);
    preference p;
    *count = 0;
    if (entered != CUBLAS_STATUS_SUCCESS) return entered;
    if (requested < 1 || memcmp(c, d, sizeof(layout)) != 0 || !layouts_meet(&of))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (!types_meet(&of) || !epilogue_is_there(&of)) return CUBLAS_STATUS_NOT_SUPPORTED;
    memcpy(&p, wishes, sizeof p);
    const uint64_t hash    = hash_of(&of);
    const algorithm chosen = {
        .chosen_for = hash,
        .workspace  = hash % 3 * (p.workspace / 2), /* none, half or all of it */
        .reduction  = p.reduction,
        .alignment  = {p.alignment[0], p.alignment[1], p.alignment[2], p.alignment[3]}};
    memset(results, 0, sizeof *results);
    memcpy(&results->algo, &chosen, sizeof chosen);
    results->workspaceSize = chosen.workspace;
    results->state         = CUBLAS_STATUS_SUCCESS;
    *count                 = 1;
    return CUBLAS_STATUS_SUCCESS;
}

/* A D other than C. */
static bool writes_apart(const algorithm *chosen) {
    return chosen->chosen_for >> 16 & 1;
}

cublasStatus_t cublasLtMatmulAlgoCapGetAttribute(const cublasLtMatmulAlgo_t *algo,
                                                 cublasLtMatmulAlgoCapAttributes_t attribute,
                                                 void *value, size_t size, size_t *written) {
    ENTER_ANY();
    algorithm chosen;
    memcpy(&chosen, algo, sizeof chosen);
    if (attribute != CUBLASLT_ALGO_CAP_OUT_OF_PLACE_RESULT_SUPPORT)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    if (!value || size != sizeof(int32_t)) return CUBLAS_STATUS_INVALID_VALUE;
    *(int32_t *)value = writes_apart(&chosen);
    if (written) *written = sizeof(int32_t);
    return CUBLAS_STATUS_SUCCESS;
}

static void expect_algorithm(const algorithm *chosen, const described *of,
                             const void *const at[4]) {
    if (chosen->chosen_for != hash_of(of))
        emu__report("cublasLtMatmul: the algorithm was chosen for another product");
    if (chosen->reduction != CUBLASLT_REDUCTION_SCHEME_NONE)
        emu__report("cublasLtMatmul: the algorithm may split its sums (reduction schemes 0x%x)",
                    chosen->reduction);
    for (int i = 0; i < 4; i++)
        if ((uintptr_t)at[i] % chosen->alignment[i] != 0)
            emu__report("cublasLtMatmul: %c is at %p, the algorithm requires multiples of %u",
                        "ABCD"[i], at[i], chosen -> alignment[i]);
}

/* ---- workspaces: products of two streams that share one may corrupt each other ---- */

static struct {
    cudaStream_t stream;
    const char *from, *to;
} workspaces[256]; /* the last of each stream (locked) */

static bool exists(cudaStream_t stream) {
    const struct CUstream_st *s = emu__streams;
    while (s && s != stream) s = s->next;
    return s != NULL;
}

/* The stream's entry, or one of a destroyed stream. */
static int workspace_of(cudaStream_t stream) {
    enum { MAX_STREAMS = sizeof workspaces / sizeof *workspaces };
    int free_one = 0;
    for (int w = 0; w < MAX_STREAMS; w++) {
        if (workspaces[w].stream == stream) return w;
        if (workspaces[w].stream && !exists(workspaces[w].stream)) workspaces[w].stream = NULL;
        if (!workspaces[w].stream) free_one = w;
    }
    if (workspaces[free_one].stream) emu__report("more than %d streams multiply", (int)MAX_STREAMS);
    return free_one;
}

static void expect_own_workspace(cudaStream_t stream, const char *from, size_t bytes) {
    const int number = stream->number, own = workspace_of(stream);
    for (size_t w = 0; w < sizeof workspaces / sizeof *workspaces; w++)
        if (workspaces[w].stream && workspaces[w].stream != stream && from < workspaces[w].to &&
            workspaces[w].from < from + bytes)
            emu__report("cublasLtMatmul: streams %d and %d are given one workspace",
                        workspaces[w].stream->number, number);
    workspaces[own].stream = stream;
    workspaces[own].from   = from;
    workspaces[own].to     = from + bytes;
}

/* ---- products ---- */

static emu__product product_of(const described *of, const algorithm *chosen) {
    return (emu__product){.m           = (int)of->c.rows,
                          .n           = (int)of->c.columns,
                          .k           = (int)(transposed(of, 0) ? of->a.rows : of->a.columns),
                          .lda         = (int)of->a.leading,
                          .ldb         = (int)of->b.leading,
                          .ldc         = (int)of->c.leading,
                          .transpose_a = transposed(of, 0),
                          .transpose_b = transposed(of, 1),
                          .ab_bf16     = of->a.type == CUDA_R_16BF,
                          .cd_bf16     = of->c.type == CUDA_R_16BF,
                          .bias = of->how.epilogue == CUBLASLT_EPILOGUE_BIAS ? of->how.bias : NULL,
                          .tf32 = of->how.compute == CUBLAS_COMPUTE_32F_FAST_TF32,
                          .descending = chosen->chosen_for >> 8 & 1};
}

static cublasStatus_t enqueue(cublasLtHandle_t handle, const emu__product *product,
                              cudaStream_t stream) {
    static const char name[] = "cublasLtMatmul";
    emu__product *const copy = emu__need(sizeof *copy);
    *copy                    = *product;
    emu__lock();
    emu__expect_stream(stream, name);
    emu__product_expect_memory(copy, handle->device, name);
    if (copy->workspace) {
        emu__expect_range(copy->workspace, copy->workspace_bytes, handle->device, name);
        expect_own_workspace(stream, copy->workspace, copy->workspace_bytes);
    }
    if (copy->tf32) emu__count("tf32 product");
    if (copy->ab_bf16) emu__count("bf16 product");
    if (copy->bias) emu__count("product with bias");
    emu__unlock();
    return status_of(emu__work(stream, name, emu__product_run, copy, free));
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are cuBLAS's. */
cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t how, const void *alpha,
                              const void *a, cublasLtMatrixLayout_t a_layout, const void *b,
                              cublasLtMatrixLayout_t b_layout, const void *beta, const void *c,
                              cublasLtMatrixLayout_t c_layout, void *d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algo,
                              void *workspace, size_t workspace_bytes, cudaStream_t stream) {
    const cublasStatus_t entered = enter(__func__, handle);
    const described of           = read_description(how, a_layout, b_layout, c_layout);
    emu__asked_from(__builtin_return_address(0));
    algorithm chosen;
    if (entered != CUBLAS_STATUS_SUCCESS) return entered;
    if (memcmp(c_layout, d_layout, sizeof(layout)) != 0 || !layouts_meet(&of) ||
        (of.how.epilogue == CUBLASLT_EPILOGUE_BIAS && !of.how.bias))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (algo)
        memcpy(&chosen, algo, sizeof chosen);
    else
        emu__report("%s chooses an algorithm by itself, which may split its sums", __func__);
    expect_algorithm(&chosen, &of, (const void *const[]){a, b, c, d});
    if (c != d && !writes_apart(&chosen)) return CUBLAS_STATUS_NOT_SUPPORTED;
    if (of.how.epilogue == CUBLASLT_EPILOGUE_BIAS && (uintptr_t)of.how.bias % 16 != 0)
        emu__report("%s: the bias is at %p, kernels may require multiples of 16", __func__,
                    of.how.bias);
    if (chosen.workspace > workspace_bytes || (size_t)workspace % 256 != 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    emu__product product    = product_of(&of, &chosen);
    product.a               = a;
    product.b               = b;
    product.c               = c;
    product.d               = d;
    product.alpha           = *(const float *)alpha;
    product.beta            = *(const float *)beta;
    product.workspace       = workspace;
    product.workspace_bytes = workspace ? workspace_bytes : 0;
    return enqueue(handle, &product, stream);
}
