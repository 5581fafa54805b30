/* SPDX-License-Identifier: MIT */
/*
 * products.c -- matrix products through cuBLASLt: a handle and a workspace per stream, and an
 * algorithm that never splits a sum, chosen once per shape, so that the same product on the same
 * GPU has the same bits each time.
 *
 * cuBLAS is column-major: row-major C = A B is its C^T = B^T A^T, with every matrix as it is in
 * memory.
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/device/cuda/cuda.h"

/* What the choice of an algorithm depends on. Shapes are compared as bytes: there is no padding. */
typedef struct shape {
    int64_t rows, columns, inner;
    uint32_t a_alignment, b_alignment, c_alignment; /* of the addresses, in bytes */
    uint8_t transpose_a, transpose_b;
    uint16_t precision;
} shape;
_Static_assert(sizeof(shape) == 40, "a shape has padding");

struct sluice__cuda_algorithm {
    shape of;
    cublasLtMatmulAlgo_t algorithm;
};

/* More shapes than this evict each other, which costs time: the choice for a shape is always the
 * same. */
enum { ALGORITHMS = 512 };

/* ---- a product as cuBLAS describes it ---- */

typedef struct description {
    cublasLtMatmulDescOpaque_t product;
    cublasLtMatrixLayoutOpaque_t a, b, c;
} description;

static cublasStatus_t describe_matrix(cublasLtMatrixLayoutOpaque_t *out, int64_t rows,
                                      int64_t columns) {
    /* The row-major matrix as it is in memory: its columns are cuBLAS's rows. */
    return cublasLtMatrixLayoutInit(out, CUDA_R_32F, (uint64_t)columns, (uint64_t)rows, columns);
}

static cublasStatus_t set_transpose(description *d, cublasLtMatmulDescAttributes_t which,
                                    bool transpose) {
    const int32_t operation = transpose ? CUBLAS_OP_T : CUBLAS_OP_N;
    return cublasLtMatmulDescSetAttribute(&d->product, which, &operation, sizeof operation);
}

static sluice_status describe(description *d, const sluice_stream *stream,
                              const sluice_matmul *args, sluice_precision precision) {
    const int64_t rows = args->rows, columns = args->columns, inner = args->inner;
    const cublasComputeType_t compute =
        precision == SLUICE_PRECISION_TF32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    cublasStatus_t status = cublasLtMatmulDescInit(&d->product, compute, CUDA_R_32F);
    if (status == CUBLAS_STATUS_SUCCESS) /* cuBLAS's first factor is our second */
        status = set_transpose(d, CUBLASLT_MATMUL_DESC_TRANSA, args->transpose_b);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = set_transpose(d, CUBLASLT_MATMUL_DESC_TRANSB, args->transpose_a);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = describe_matrix(&d->a, args->transpose_a ? inner : rows,
                                 args->transpose_a ? rows : inner);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = describe_matrix(&d->b, args->transpose_b ? columns : inner,
                                 args->transpose_b ? inner : columns);
    if (status == CUBLAS_STATUS_SUCCESS) status = describe_matrix(&d->c, rows, columns);
    return sluice__cublas_status(stream, status, "describing a product");
}

/* ---- its algorithm ---- */

/* cuBLAS assumes 256 by default. */
static uint32_t alignment_of(const void *address) {
    const uintptr_t bits = (uintptr_t)address | 256;
    return (uint32_t)(bits & (~bits + 1));
}

static shape shape_of(const sluice_matmul *args, sluice_precision precision) {
    return (shape){.rows        = args->rows,
                   .columns     = args->columns,
                   .inner       = args->inner,
                   .a_alignment = alignment_of(args->a),
                   .b_alignment = alignment_of(args->b),
                   .c_alignment = alignment_of(args->c),
                   .transpose_a = args->transpose_a,
                   .transpose_b = args->transpose_b,
                   .precision   = (uint16_t)precision};
}

/* FNV-1a, of which the upper bits are the better ones. */
static size_t home_of(const shape *s) {
    const unsigned char *const bytes = (const unsigned char *)s;
    uint64_t hash                    = 0xcbf29ce484222325U;
    for (size_t i = 0; i < sizeof *s; i++) hash = (hash ^ bytes[i]) * 0x100000001b3U;
    return (size_t)((hash >> 32) % ALGORITHMS);
}

/* The shape's slot in the table: its own, or the first free one from its home slot on. */
static struct sluice__cuda_algorithm *slot_of(const sluice_stream *stream, const shape *s) {
    const size_t home = home_of(s);
    for (size_t step = 0; step < ALGORITHMS; step++) {
        struct sluice__cuda_algorithm *const at = &stream->algorithms[(home + step) % ALGORITHMS];
        if (at->of.rows == 0 || memcmp(&at->of, s, sizeof *s) == 0) return at;
    }
    return &stream->algorithms[home];
}

static cublasStatus_t prefer(cublasLtMatmulPreferenceOpaque_t *out, const shape *s,
                             size_t workspace) {
    const uint64_t bytes     = workspace;
    const uint32_t reduction = CUBLASLT_REDUCTION_SCHEME_NONE; /* sums are never split */
    const struct {
        cublasLtMatmulPreferenceAttributes_t what;
        const void *value;
        size_t size;
    } preferences[] = {
        {CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof bytes},
        {CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reduction, sizeof reduction},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &s->b_alignment, sizeof s->b_alignment},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &s->a_alignment, sizeof s->a_alignment},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &s->c_alignment, sizeof s->c_alignment},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &s->c_alignment, sizeof s->c_alignment},
    };
    cublasStatus_t status = cublasLtMatmulPreferenceInit(out);
    for (size_t w = 0;
         w < sizeof preferences / sizeof *preferences && status == CUBLAS_STATUS_SUCCESS; w++)
        status = cublasLtMatmulPreferenceSetAttribute(out, preferences[w].what,
                                                      preferences[w].value, preferences[w].size);
    return status;
}

static sluice_status choose(struct sluice__cuda_algorithm *out, const sluice_stream *stream,
                            description *d, const shape *s) {
    cublasLtMatmulPreferenceOpaque_t preference;
    cublasLtMatmulHeuristicResult_t best;
    int found = 0;
    SLUICE__TRY(sluice__cublas_status(stream, prefer(&preference, s, stream->device->workspace),
                                      "choosing an algorithm"));
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        stream->products, &d->product, &d->b, &d->a, &d->c, &d->c, &preference, 1, &best, &found);
    const bool none = found == 0 || best.state != CUBLAS_STATUS_SUCCESS;
    if (status == CUBLAS_STATUS_NOT_SUPPORTED || (status == CUBLAS_STATUS_SUCCESS && none))
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "cuBLAS has no algorithm for a product of %" PRId64 " x %" PRId64
                            " x %" PRId64 " that does not split its sums",
                            s->rows, s->inner, s->columns);
    SLUICE__TRY(sluice__cublas_status(stream, status, "choosing an algorithm"));
    out->of        = *s;
    out->algorithm = best.algo;
    return SLUICE_OK;
}

/* ---- a stream's cuBLAS ---- */

/* A product of one number loads the library's code; its operands are cleared first. */
static sluice_status warm_up(sluice_stream *stream) {
    float *const numbers = (float *)stream->partials;
    SLUICE__TRY(sluice__cuda_status(
        cudaMemsetAsync(numbers, 0, 3 * sizeof *numbers, stream->handle), "clearing memory"));
    const sluice_matmul product = {.c       = numbers,
                                   .a       = numbers + 1,
                                   .b       = numbers + 2,
                                   .rows    = 1,
                                   .columns = 1,
                                   .inner   = 1,
                                   .alpha   = 1};
    SLUICE__TRY(sluice__cuda_multiply(stream, &product, SLUICE_PRECISION_FP32));
    return sluice__cuda_status(cudaStreamSynchronize(stream->handle), "warming up cuBLAS");
}

sluice_status sluice__cuda_products_make(sluice_stream *stream) {
    SLUICE__TRY(sluice__alloc(&stream->algorithms, ALGORITHMS, sizeof *stream->algorithms));
    SLUICE__TRY(
        sluice__cublas_status(stream, cublasLtCreate(&stream->products), "starting cuBLAS"));
    return warm_up(stream);
}

void sluice__cuda_products_free(sluice_stream *stream) {
    if (stream->products) (void)cublasLtDestroy(stream->products);
    sluice__free(stream->algorithms);
}

/* ---- products ---- */

/* A product whose inner dimension is 0: beta * c. */
static sluice_status scale_only(sluice_stream *stream, const sluice_matmul *args) {
    const int64_t count = args->rows * args->columns;
    if (args->beta == 0)
        return sluice__cuda_status(
            cudaMemsetAsync(args->c, 0, (size_t)count * sizeof(float), stream->handle),
            "clearing memory");
    if (args->beta == 1) return SLUICE_OK;
    return sluice__cuda_status(sluice__launch_scale(args->c, args->beta, count, stream->handle),
                               "scaling");
}

sluice_status sluice__cuda_multiply(sluice_stream *stream, const sluice_matmul *args,
                                    sluice_precision precision) {
    const int64_t rows = args->rows, columns = args->columns, inner = args->inner;
    if (rows == 0 || columns == 0) return SLUICE_OK;
    if (inner == 0) return scale_only(stream, args);
    if (rows > INT_MAX || columns > INT_MAX || inner > INT_MAX)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "a product of %" PRId64 " x %" PRId64 " x %" PRId64
                            " is too large for cuBLAS",
                            rows, inner, columns);
    description d;
    const shape s                               = shape_of(args, precision);
    struct sluice__cuda_algorithm *const chosen = slot_of(stream, &s);
    SLUICE__TRY(describe(&d, stream, args, precision));
    if (memcmp(&chosen->of, &s, sizeof s) != 0) SLUICE__TRY(choose(chosen, stream, &d, &s));
    return sluice__cublas_status(stream,
                                 cublasLtMatmul(stream->products, &d.product, &args->alpha, args->b,
                                                &d.b, args->a, &d.a, &args->beta, args->c, &d.c,
                                                args->c, &d.c, &chosen->algorithm, stream->memory,
                                                stream->device->workspace, stream->handle),
                                 "multiplying matrices");
}
