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
    int64_t a_stride, b_stride, c_stride;
    uint32_t a_alignment, b_alignment, c_alignment, added_alignment; /* of addresses, in bytes */
    uint16_t precision, type, c_type;
    uint8_t may_add_bias, is_in_place; /* what is added is c */
    uint8_t transpose_a, transpose_b, unused[6];
} shape;
_Static_assert(sizeof(shape) == 80, "a shape has padding");

struct sluice__cuda_algorithm {
    shape of;
    cublasLtMatmulAlgo_t algorithm;
    bool adds_bias;      /* in the product; else a kernel does it afterwards */
    bool works_in_place; /* alone: what is added is copied into c before */
};

/* More shapes than this evict each other, which costs time: the choice for a shape is always the
 * same. */
enum { ALGORITHMS = 512 };

/* ---- a product as cuBLAS describes it ---- */

typedef struct description {
    cublasLtMatmulDescOpaque_t product;
    cublasLtMatrixLayoutOpaque_t a, b, c;
} description;

static cudaDataType_t type_of(sluice_type type) {
    return type == SLUICE_TYPE_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

/* (rows, columns) or, transposed, (columns, rows), as it is in memory: its columns are cuBLAS's
 * rows. */
static cublasStatus_t describe_matrix(cublasLtMatrixLayoutOpaque_t *out, sluice_type type,
                                      int64_t rows, int64_t columns, bool transposed,
                                      int64_t stride) {
    return cublasLtMatrixLayoutInit(out, type_of(type), (uint64_t)(transposed ? rows : columns),
                                    (uint64_t)(transposed ? columns : rows), stride);
}

static cublasStatus_t set_transpose(description *d, cublasLtMatmulDescAttributes_t which,
                                    bool transpose) {
    const int32_t operation = transpose ? CUBLAS_OP_T : CUBLAS_OP_N;
    return cublasLtMatmulDescSetAttribute(&d->product, which, &operation, sizeof operation);
}

static cublasStatus_t set_bias(description *d, const void *bias) {
    const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    const cublasStatus_t status       = cublasLtMatmulDescSetAttribute(
              &d->product, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    return cublasLtMatmulDescSetAttribute(&d->product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias,
                                          sizeof(void *));
}

static cublasStatus_t describe_operation(description *d, const sluice__cuda_product *p,
                                         bool adds_bias) {
    const cublasComputeType_t compute =
        p->precision == SLUICE_PRECISION_TF32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    cublasStatus_t status = cublasLtMatmulDescInit(&d->product, compute, CUDA_R_32F);
    if (status == CUBLAS_STATUS_SUCCESS) /* cuBLAS's first factor is our second */
        status = set_transpose(d, CUBLASLT_MATMUL_DESC_TRANSA, p->transpose_b);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = set_transpose(d, CUBLASLT_MATMUL_DESC_TRANSB, p->transpose_a);
    if (status == CUBLAS_STATUS_SUCCESS && adds_bias) status = set_bias(d, p->bias);
    return status;
}

static sluice_status describe(description *d, const sluice_stream *stream,
                              const sluice__cuda_product *p, bool adds_bias) {
    cublasStatus_t status = describe_operation(d, p, adds_bias);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = describe_matrix(&d->a, p->type, p->rows, p->inner, p->transpose_a, p->a_stride);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = describe_matrix(&d->b, p->type, p->inner, p->columns, p->transpose_b, p->b_stride);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = describe_matrix(&d->c, p->c_type, p->rows, p->columns, false, p->c_stride);
    return sluice__cublas_status(stream, status, "describing a product");
}

/* ---- its algorithm ---- */

/* cuBLAS assumes 256 by default. */
static uint32_t alignment_of(const void *address) {
    const uintptr_t bits = (uintptr_t)address | 256;
    return (uint32_t)(bits & (~bits + 1));
}

/* No preference says how a bias is aligned: as the widest load needs it. */
enum { BIAS_ALIGNMENT = 16 };

static shape shape_of(const sluice__cuda_product *p) {
    return (shape){.rows            = p->rows,
                   .columns         = p->columns,
                   .inner           = p->inner,
                   .a_stride        = p->a_stride,
                   .b_stride        = p->b_stride,
                   .c_stride        = p->c_stride,
                   .a_alignment     = alignment_of(p->a),
                   .b_alignment     = alignment_of(p->b),
                   .c_alignment     = alignment_of(p->c),
                   .added_alignment = alignment_of(p->added),
                   .precision       = (uint16_t)p->precision,
                   .type            = (uint16_t)p->type,
                   .c_type          = (uint16_t)p->c_type,
                   .may_add_bias    = p->bias && alignment_of(p->bias) >= BIAS_ALIGNMENT,
                   .is_in_place     = p->added == p->c,
                   .transpose_a     = p->transpose_a,
                   .transpose_b     = p->transpose_b};
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
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &s->added_alignment,
         sizeof s->added_alignment},
        {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &s->c_alignment, sizeof s->c_alignment},
    };
    cublasStatus_t status = cublasLtMatmulPreferenceInit(out);
    for (size_t w = 0;
         w < sizeof preferences / sizeof *preferences && status == CUBLAS_STATUS_SUCCESS; w++)
        status = cublasLtMatmulPreferenceSetAttribute(out, preferences[w].what,
                                                      preferences[w].value, preferences[w].size);
    return status;
}

/* `*found`: whether there is one that never splits a sum. */
static sluice_status search(bool *found, struct sluice__cuda_algorithm *out,
                            const sluice_stream *stream, description *d, const shape *s) {
    cublasLtMatmulPreferenceOpaque_t preference;
    cublasLtMatmulHeuristicResult_t best;
    int count = 0;
    SLUICE__TRY(sluice__cublas_status(stream, prefer(&preference, s, stream->device->workspace),
                                      "choosing an algorithm"));
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        stream->products, &d->product, &d->b, &d->a, &d->c, &d->c, &preference, 1, &best, &count);
    *found = status == CUBLAS_STATUS_SUCCESS && count > 0 && best.state == CUBLAS_STATUS_SUCCESS;
    if (status == CUBLAS_STATUS_NOT_SUPPORTED) return SLUICE_OK;
    SLUICE__TRY(sluice__cublas_status(stream, status, "choosing an algorithm"));
    out->algorithm = best.algo;
    return SLUICE_OK;
}

/* Whether the algorithm needs C and D in one buffer, which they are not. */
static cublasStatus_t find_in_place(struct sluice__cuda_algorithm *made) {
    int32_t apart  = 1;
    size_t written = 0;
    const cublasStatus_t status =
        made->of.is_in_place
            ? CUBLAS_STATUS_SUCCESS
            : cublasLtMatmulAlgoCapGetAttribute(&made->algorithm,
                                                CUBLASLT_ALGO_CAP_OUT_OF_PLACE_RESULT_SUPPORT,
                                                &apart, sizeof apart, &written);
    made->works_in_place = apart == 0;
    return status;
}

/* With the bias, if cuBLAS does that for this shape. */
static sluice_status choose(struct sluice__cuda_algorithm *out, const sluice_stream *stream,
                            const sluice__cuda_product *p, const shape *s) {
    struct sluice__cuda_algorithm made = {.of = *s};
    bool found                         = false;
    for (int bias = s->may_add_bias; bias >= 0 && !found; bias--) {
        description d;
        made.adds_bias = bias != 0;
        SLUICE__TRY(describe(&d, stream, p, made.adds_bias));
        SLUICE__TRY(search(&found, &made, stream, &d, s));
    }
    if (!found)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "cuBLAS has no algorithm for a product of %" PRId64 " x %" PRId64
                            " x %" PRId64 " that does not split its sums",
                            s->rows, s->inner, s->columns);
    SLUICE__TRY(sluice__cublas_status(stream, find_in_place(&made), "choosing an algorithm"));
    *out = made;
    return SLUICE_OK;
}

/* ---- a stream's cuBLAS ---- */

/* A small product of each type, fp32 and bf16, loads the library's code; its operands are cleared
 * first. */
static sluice_status warm_up(sluice_stream *stream) {
    enum { SIDE = 16, COUNT = SIDE * SIDE };
    static const sluice_precision precisions[] = {SLUICE_PRECISION_FP32, SLUICE_PRECISION_BF16};
    float *const numbers                       = (float *)stream->partials;
    const sluice_matmul plain                  = {.c       = numbers,
                                                  .a       = numbers + COUNT,
                                                  .b       = numbers + (ptrdiff_t)2 * COUNT,
                                                  .rows    = SIDE,
                                                  .columns = SIDE,
                                                  .inner   = SIDE,
                                                  .alpha   = 1};
    SLUICE__TRY(sluice__cuda_status(
        cudaMemsetAsync(numbers, 0, (size_t)3 * COUNT * sizeof *numbers, stream->handle),
        "clearing memory"));
    for (size_t p = 0; p < sizeof precisions / sizeof *precisions; p++) {
        const sluice__cuda_product product = sluice__cuda_product_of(&plain, precisions[p]);
        SLUICE__TRY(sluice__cuda_multiply(stream, &product));
    }
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

sluice__cuda_product sluice__cuda_product_of(const sluice_matmul *args,
                                             sluice_precision precision) {
    return (sluice__cuda_product){.c           = args->c,
                                  .a           = args->a,
                                  .b           = args->b,
                                  .added       = args->c,
                                  .rows        = args->rows,
                                  .columns     = args->columns,
                                  .inner       = args->inner,
                                  .c_stride    = args->columns,
                                  .a_stride    = args->transpose_a ? args->rows : args->inner,
                                  .b_stride    = args->transpose_b ? args->inner : args->columns,
                                  .type        = sluice_precision_type(precision),
                                  .c_type      = sluice_precision_type(precision),
                                  .precision   = precision,
                                  .alpha       = args->alpha,
                                  .beta        = args->beta,
                                  .transpose_a = args->transpose_a,
                                  .transpose_b = args->transpose_b};
}

/* Of contiguous matrices, as those are to which something else is added. */
static size_t bytes_of(const sluice__cuda_product *p) {
    return (size_t)(p->rows * p->columns) * sluice_type_bytes(p->c_type);
}

static cudaError_t copy_added(const sluice_stream *stream, const sluice__cuda_product *p) {
    if (p->added == p->c) return cudaSuccess;
    return cudaMemcpyAsync(p->c, p->added, bytes_of(p), cudaMemcpyDeviceToDevice, stream->handle);
}

/* A product whose inner dimension is 0: beta * added. */
static cudaError_t scale_only(const sluice_stream *stream, const sluice__cuda_product *p) {
    const int64_t count = p->rows * p->columns;
    if (p->beta == 0) return cudaMemsetAsync(p->c, 0, bytes_of(p), stream->handle);
    const cudaError_t copied = copy_added(stream, p);
    if (copied != cudaSuccess || p->beta == 1) return copied;
    return sluice__launch_scale(p->c, p->beta, count, p->c_type, stream->handle);
}

static sluice_status add_bias(const sluice_stream *stream, const sluice__cuda_product *p) {
    return sluice__cuda_status(sluice__launch_epilogue(p->c, NULL, p->bias, p->rows, p->columns,
                                                       p->c_type, stream->handle),
                               "adding a bias");
}

static sluice_status multiply(sluice_stream *stream, const sluice__cuda_product *p) {
    description d;
    const shape s                               = shape_of(p);
    struct sluice__cuda_algorithm *const chosen = slot_of(stream, &s);
    if (memcmp(&chosen->of, &s, sizeof s) != 0) SLUICE__TRY(choose(chosen, stream, p, &s));
    SLUICE__TRY(describe(&d, stream, p, chosen->adds_bias));
    if (chosen->works_in_place)
        SLUICE__TRY(sluice__cuda_status(copy_added(stream, p), "copying a residual"));
    const void *const added = chosen->works_in_place ? p->c : p->added;
    SLUICE__TRY(sluice__cublas_status(stream,
                                      cublasLtMatmul(stream->products, &d.product, &p->alpha, p->b,
                                                     &d.b, p->a, &d.a, &p->beta, added, &d.c, p->c,
                                                     &d.c, &chosen->algorithm, stream->memory,
                                                     stream->device->workspace, stream->handle),
                                      "multiplying matrices"));
    return p->bias && !chosen->adds_bias ? add_bias(stream, p) : SLUICE_OK;
}

sluice_status sluice__cuda_multiply(sluice_stream *stream, const sluice__cuda_product *p) {
    if (p->rows == 0 || p->columns == 0) return SLUICE_OK;
    if (p->inner == 0) {
        SLUICE__TRY(sluice__cuda_status(scale_only(stream, p), "scaling"));
        return p->bias ? add_bias(stream, p) : SLUICE_OK;
    }
    if (p->rows > INT_MAX || p->columns > INT_MAX || p->inner > INT_MAX)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "a product of %" PRId64 " x %" PRId64 " x %" PRId64
                            " is too large for cuBLAS",
                            p->rows, p->inner, p->columns);
    return multiply(stream, p);
}
