/* SPDX-License-Identifier: MIT */
/* multiply.h -- a product through cuBLASLt, for its tests and planted bugs. */
#ifndef SLUICE_TESTS_EMULATION_MULTIPLY_H
#define SLUICE_TESTS_EMULATION_MULTIPLY_H

#include <cublasLt.h>

#include "tests/support/child.h"

typedef struct multiplication {
    int m, n, k, lda, ldb, ldc;
    bool transpose_a, transpose_b, tf32;
    cudaDataType_t ab_type, c_type; /* 0: fp32 */
    const void *bias;               /* (m), or NULL */
    float alpha, beta;
    uint32_t reduction; /* reduction schemes allowed */
    uint32_t alignment; /* alignment of A that the algorithm may rely on; 0: 4 */
    int chosen_for;     /* n that the algorithm is chosen for; 0: n */
    void *workspace;
    size_t workspace_bytes;
} multiplication;

/* op(a) op(b) of the matrices' own sizes. */
static inline multiplication multiplication_of(int m, int n, int k) {
    return (multiplication){.m = m, .n = n, .k = k, .lda = m, .ldb = k, .ldc = m, .alpha = 1};
}

typedef struct multiplication_words {
    cublasLtMatmulDescOpaque_t product;
    cublasLtMatrixLayoutOpaque_t a, b, c;
} multiplication_words;

static inline multiplication_words multiplication_describe(const multiplication *p, int n) {
    const int32_t ta = p->transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
    const int32_t tb = p->transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
    const uint64_t m = (uint64_t)p->m, k = (uint64_t)p->k, columns = (uint64_t)n;
    multiplication_words w;
    child_ok(cublasLtMatmulDescInit(
        &w.product, p->tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F));
    child_ok(
        cublasLtMatmulDescSetAttribute(&w.product, CUBLASLT_MATMUL_DESC_TRANSA, &ta, sizeof ta));
    child_ok(
        cublasLtMatmulDescSetAttribute(&w.product, CUBLASLT_MATMUL_DESC_TRANSB, &tb, sizeof tb));
    if (p->bias) {
        const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
        child_ok(cublasLtMatmulDescSetAttribute(&w.product, CUBLASLT_MATMUL_DESC_EPILOGUE,
                                                &epilogue, sizeof epilogue));
        child_ok(cublasLtMatmulDescSetAttribute(&w.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                                                &p->bias, sizeof p->bias));
    }
    child_ok(cublasLtMatrixLayoutInit(&w.a, p->ab_type, p->transpose_a ? k : m,
                                      p->transpose_a ? m : k, p->lda));
    child_ok(cublasLtMatrixLayoutInit(&w.b, p->ab_type, p->transpose_b ? columns : k,
                                      p->transpose_b ? k : columns, p->ldb));
    child_ok(cublasLtMatrixLayoutInit(&w.c, p->c_type, m, columns, p->ldc));
    return w;
}

static inline cublasStatus_t
multiplication_choose(cublasLtMatmulAlgo_t *out, const multiplication *p, cublasLtHandle_t handle) {
    multiplication_words w  = multiplication_describe(p, p->chosen_for ? p->chosen_for : p->n);
    const uint64_t bytes    = p->workspace_bytes;
    const uint32_t plain[2] = {p->alignment ? p->alignment : 4, 4};
    cublasLtMatmulPreferenceOpaque_t wishes;
    cublasLtMatmulHeuristicResult_t best;
    int found = 0;
    child_ok(cublasLtMatmulPreferenceInit(&wishes));
    child_ok(cublasLtMatmulPreferenceSetAttribute(&wishes, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                  &bytes, sizeof bytes));
    child_ok(cublasLtMatmulPreferenceSetAttribute(
        &wishes, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &p->reduction, sizeof p->reduction));
    for (int i = 0; i < 4; i++)
        child_ok(cublasLtMatmulPreferenceSetAttribute(
            &wishes,
            (cublasLtMatmulPreferenceAttributes_t)(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES + i),
            &plain[i > 0], sizeof *plain));
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        handle, &w.product, &w.a, &w.b, &w.c, &w.c, &wishes, 1, &best, &found);
    if (status == CUBLAS_STATUS_SUCCESS) *out = best.algo;
    return status;
}

static inline cublasStatus_t multiply(cublasLtHandle_t handle, const multiplication *p,
                                      const void *a, const void *b, void *c, cudaStream_t stream) {
    cublasLtMatmulAlgo_t algorithm;
    const cublasStatus_t status = multiplication_choose(&algorithm, p, handle);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    multiplication_words w = multiplication_describe(p, p->n);
    return cublasLtMatmul(handle, &w.product, &p->alpha, a, &w.a, b, &w.b, &p->beta, c, &w.c, c,
                          &w.c, &algorithm, p->workspace, p->workspace_bytes, stream);
}

#endif
