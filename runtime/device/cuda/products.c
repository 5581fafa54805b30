/* SPDX-License-Identifier: MIT */
/*
 * products.c -- matrix products through cuBLAS: a handle and a workspace per stream, no atomics,
 * so that the same product on the same GPU has the same bits each time.
 *
 * cuBLAS is column-major: row-major C = A B is its C^T = B^T A^T, with every matrix as it lies.
 */
#include <inttypes.h>
#include <limits.h>

#include "runtime/base/error.h"
#include "runtime/device/cuda/cuda.h"

sluice_status sluice__cuda_precision(sluice_stream *stream) {
    const cublasMath_t math =
        stream->device->tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH; /* fp32 */
    return sluice__cublas_status(cublasSetMathMode(stream->products, math), "setting up cuBLAS");
}

/* A product of one number loads the library's code; what it is multiplied with is cleared first. */
static sluice_status warm(sluice_stream *stream) {
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
    SLUICE__TRY(sluice__cuda_multiply(stream, &product));
    return sluice__cuda_status(cudaStreamSynchronize(stream->handle), "warming cuBLAS");
}

/* The workspace comes after the stream, which would take it away. */
sluice_status sluice__cuda_products_make(sluice_stream *stream) {
    SLUICE__TRY(sluice__cublas_status(cublasCreate(&stream->products), "starting cuBLAS"));
    SLUICE__TRY(sluice__cublas_status(cublasSetStream(stream->products, stream->handle),
                                      "setting up cuBLAS"));
    SLUICE__TRY(sluice__cublas_status(
        cublasSetWorkspace(stream->products, stream->room, stream->device->workspace),
        "setting up cuBLAS"));
    SLUICE__TRY(sluice__cublas_status(
        cublasSetAtomicsMode(stream->products, CUBLAS_ATOMICS_NOT_ALLOWED), "setting up cuBLAS"));
    SLUICE__TRY(sluice__cuda_precision(stream));
    return warm(stream);
}

/* What is left of a product without an inner dimension: beta * c. */
static sluice_status scale_only(sluice_stream *stream, const sluice_matmul *args) {
    const int64_t count = args->rows * args->columns;
    if (args->beta == 0)
        return sluice__cuda_status(
            cudaMemsetAsync(args->c, 0, (size_t)count * sizeof *args->c, stream->handle),
            "clearing memory");
    if (args->beta == 1) return SLUICE_OK;
    return sluice__cuda_status(sluice__launch_scale(args->c, args->beta, count, stream->handle),
                               "scaling");
}

sluice_status sluice__cuda_multiply(sluice_stream *stream, const sluice_matmul *args) {
    const int64_t rows = args->rows, columns = args->columns, inner = args->inner;
    if (rows == 0 || columns == 0) return SLUICE_OK;
    if (inner == 0) return scale_only(stream, args);
    if (rows > INT_MAX || columns > INT_MAX || inner > INT_MAX)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "a product of %" PRId64 " x %" PRId64 " x %" PRId64
                            " is too large for cuBLAS",
                            rows, inner, columns);
    const cublasOperation_t of_a = args->transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasOperation_t of_b = args->transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
    const int64_t a_pitch        = args->transpose_a ? rows : inner;
    const int64_t b_pitch        = args->transpose_b ? inner : columns;
    return sluice__cublas_status(cublasSgemm(stream->products, of_b, of_a, (int)columns, (int)rows,
                                             (int)inner, &args->alpha, args->b, (int)b_pitch,
                                             args->a, (int)a_pitch, &args->beta, args->c,
                                             (int)columns),
                                 "multiplying matrices");
}
