/* SPDX-License-Identifier: MIT */
/* classifier.cu -- bound by memory: softmax, loss and gradient of a row of logits, in place. */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { WIDE = 256, NARROW = LANES, ADDERS = 256 };

/* A block per row. The check has noted a target outside the classes, which has no effect here. */
__global__ void lose_rows(double *losses, float *logits, const int32_t *targets, int64_t classes,
                          double scale, bool gradients) {
    SLUICE__SHARED(float, shared, LANES);
    const int64_t row   = blockIdx.x;
    float *const x      = logits + row * classes;
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
    for (int64_t j = threadIdx.x; j < classes; j += blockDim.x) {
        const float slope =
            expf(x[j] - largest) * by - (j == given ? static_cast<float>(scale) : 0);
        x[j] = counts ? slope : 0;
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
                                        int64_t rows, int64_t classes, double scale, bool gradients,
                                        cudaStream_t stream) {
    if (rows == 0 || classes == 0) return cudaSuccess;
    return SLUICE__LAUNCH(lose_rows, static_cast<unsigned>(rows), classes > 1024 ? WIDE : NARROW, 0,
                          stream, losses, logits, targets, classes, scale, gradients);
}

cudaError_t sluice__launch_add_losses(double *loss, const double *losses, int64_t rows,
                                      double scale, bool first_write, cudaStream_t stream) {
    return SLUICE__LAUNCH(add_losses, 1, ADDERS, 0, stream, loss, losses, rows, scale, first_write);
}
