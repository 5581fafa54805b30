/* SPDX-License-Identifier: MIT */
/*
 * classifier.cu -- bound by memory: softmax, loss and gradient of a row of logits, in place.
 *
 * Logits are floats, gradients what the products with them take. Those in bf16 begin where the
 * row's logits begin and are half as long, so that they never reach a logit that is still to be
 * read, once a block has read what it is about to write over.
 */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { WIDE = 256, NARROW = LANES, ADDERS = 256 };

/* A block per row. The check has noted a target outside the classes, which has no effect here. */
template <class T>
__global__ void lose_rows(double *losses, float *logits, const int32_t *targets, int64_t classes,
                          int64_t stride, double scale, bool gradients) {
    SLUICE__SHARED(float, shared, LANES);
    const int64_t row   = blockIdx.x;
    float *const x      = logits + row * stride;
    T *const slopes     = elements<T>(x);
    const int32_t given = targets[row];
    const bool counts   = given >= 0 && given < classes;
    const float chosen  = counts ? x[given] : 0;
    float largest = -INFINITY, sum = 0;
    for (int64_t j = threadIdx.x; j < classes; j += blockDim.x) largest = fmaxf(largest, x[j]);
    largest = block_max(largest, shared);
    for (int64_t j = threadIdx.x; j < classes; j += blockDim.x) sum += expf(x[j] - largest);
    sum = block_sum(sum, shared); /* after its barriers all threads have read `chosen` */
    if (threadIdx.x == 0)
        losses[row] = counts ? log(static_cast<double>(sum)) + static_cast<double>(largest) -
                                   static_cast<double>(chosen)
                             : 0;
    if (!gradients) return;
    const float by = static_cast<float>(scale / static_cast<double>(sum));
    for (int64_t first = 0; first < classes; first += blockDim.x) {
        const int64_t j   = first + threadIdx.x;
        const float logit = j < classes ? x[j] : 0;
        const float slope =
            expf(logit - largest) * by - (j == given ? static_cast<float>(scale) : 0);
        if (sizeof(T) < sizeof(float)) __syncthreads();
        if (j < classes) slopes[j] = counts ? slope : 0;
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
    return for_type(type, [=](auto element) {
        return SLUICE__LAUNCH(lose_rows<decltype(element)>, static_cast<unsigned>(rows),
                              classes > 1024 ? WIDE : NARROW, 0, stream, losses, logits, targets,
                              classes, stride, scale, gradients);
    });
}

cudaError_t sluice__launch_add_losses(double *loss, const double *losses, int64_t rows,
                                      double scale, bool first_write, cudaStream_t stream) {
    return SLUICE__LAUNCH(add_losses, 1, ADDERS, 0, stream, loss, losses, rows, scale, first_write);
}
