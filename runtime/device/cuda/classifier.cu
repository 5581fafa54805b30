/* SPDX-License-Identifier: MIT */
/*
 * classifier.cu -- bound by memory: softmax, loss and gradient of a row of logits, in place.
 *
 * A row is read twice, four logits at a time: once for its largest and the sum under what was the
 * largest so far, once for the gradients. Logits are floats, gradients what the products with them
 * take. Those in bf16 begin where the row's logits begin and are half as long, so that they never
 * reach a logit that is still to be read, once a block has read what it is about to write over.
 */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { WIDE = 1024, MIDDLE = 256, NARROW = LANES, ADDERS = 256, FOUR = 4 };

/* Four logits of a row, which begins at a multiple of 32 bytes and is padded to one; -inf past the
 * classes. */
__device__ inline void load_four(float (&to)[FOUR], const float *row, int64_t first,
                                 int64_t classes) {
    const float4 four = *reinterpret_cast<const float4 *>(row + first);
    to[0]             = four.x;
    to[1]             = first + 1 < classes ? four.y : -INFINITY;
    to[2]             = first + 2 < classes ? four.z : -INFINITY;
    to[3]             = first + 3 < classes ? four.w : -INFINITY;
}

__device__ inline void store_four(float *to, const float (&from)[FOUR]) {
    *reinterpret_cast<float4 *>(to) = make_float4(from[0], from[1], from[2], from[3]);
}

__device__ inline void store_four(bf16 *to, const float (&from)[FOUR]) {
    *reinterpret_cast<uint2 *>(to) =
        make_uint2(sluice__bf16_pair(from[0], from[1]), sluice__bf16_pair(from[2], from[3]));
}

/* What a thread has seen of a row: the largest logit, and the sum of exponentials under it. */
struct seen {
    float largest, sum;
};

__device__ inline void see_four(seen &so_far, const float (&x)[FOUR]) {
    const float largest = fmaxf(fmaxf(so_far.largest, fmaxf(x[0], x[1])), fmaxf(x[2], x[3]));
    const float under   = largest > -INFINITY ? largest : 0; /* -inf - -inf is no number */
    so_far.sum *= expf(so_far.largest - under);
    for (int k = 0; k < FOUR; k++) so_far.sum += expf(x[k] - under);
    so_far.largest = largest;
}

/* A block per row. The check has noted a target outside the classes, which has no effect here. */
template <class T>
__global__ void __launch_bounds__(WIDE)
    lose_rows(double *losses, float *logits, const int32_t *targets, int64_t classes,
              int64_t stride, double scale, bool gradients) {
    SLUICE__SHARED(float, shared, LANES);
    const int64_t row = blockIdx.x, step = static_cast<int64_t>(blockDim.x) * FOUR;
    float *const x      = logits + row * stride;
    T *const slopes     = elements<T>(x);
    const int32_t given = targets[row];
    const bool counts   = given >= 0 && given < classes;
    const float chosen  = counts ? x[given] : 0;
    const int64_t mine  = static_cast<int64_t>(threadIdx.x) * FOUR;
    float four[FOUR];
    seen so_far = {-INFINITY, 0};
    for (int64_t j = mine; j < classes; j += step) {
        load_four(four, x, j, classes);
        see_four(so_far, four);
    }
    const float largest = block_max(so_far.largest, shared);
    const float under   = largest > -INFINITY ? largest : 0;
    /* After the sum's barriers all threads have read `chosen`. */
    const float sum = block_sum(so_far.sum * expf(so_far.largest - under), shared);
    if (threadIdx.x == 0)
        losses[row] = counts ? log(static_cast<double>(sum)) + static_cast<double>(largest) -
                                   static_cast<double>(chosen)
                             : 0;
    if (!gradients) return;
    const float by = static_cast<float>(scale / static_cast<double>(sum));
    for (int64_t first = 0; first < classes; first += step) {
        const int64_t j = first + mine;
        if (j < classes) load_four(four, x, j, classes);
        if (sizeof(T) < sizeof(float)) __syncthreads();
        if (j >= classes) continue;
        for (int k = 0; k < FOUR; k++) {
            const float taken = j + k == given ? static_cast<float>(scale) : 0;
            four[k]           = counts ? expf(four[k] - largest) * by - taken : 0;
        }
        store_four(slopes + j, four);
    }
}

__global__ void add_losses(double *loss, const double *losses, int64_t rows, double scale,
                           bool first_write) {
    SLUICE__SHARED(double, shared, LANES);
    double sum = 0;
    for (int64_t i = threadIdx.x; i < rows; i += blockDim.x) sum += losses[i];
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) *loss = (first_write ? 0 : *loss) + scale * sum;
}

} // namespace

cudaError_t sluice__launch_softmax_loss(double *losses, float *logits, const int32_t *targets,
                                        int64_t rows, int64_t classes, int64_t stride, double scale,
                                        bool gradients, sluice_type type, cudaStream_t stream) {
    if (rows == 0 || classes == 0) return cudaSuccess;
    const unsigned threads = classes > 4096 ? WIDE : classes > 1024 ? MIDDLE : NARROW;
    return for_type(type, [=](auto element) {
        return SLUICE__LAUNCH(lose_rows<decltype(element)>, static_cast<unsigned>(rows), threads, 0,
                              stream, losses, logits, targets, classes, stride, scale, gradients);
    });
}

cudaError_t sluice__launch_add_losses(double *loss, const double *losses, int64_t rows,
                                      double scale, bool first_write, cudaStream_t stream) {
    return SLUICE__LAUNCH(add_losses, 1, ADDERS, 0, stream, loss, losses, rows, scale, first_write);
}
