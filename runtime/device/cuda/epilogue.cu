/* SPDX-License-Identifier: MIT */
/* epilogue.cu -- bound by memory: what follows a product, one load and store per element. */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { THREADS = 256 };

/* The tanh form of GELU is x * sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3). */
__device__ inline float gelu_sigmoid(float x) {
    return 1.0f / (1.0f + expf(-1.59576912f * (x + 0.044715f * x * x * x)));
}

__device__ inline float gelu_slope(float x) {
    const float s = gelu_sigmoid(x);
    return s + x * s * (1.0f - s) * (1.59576912f + 0.21406806f * x * x);
}

/* y may be the residual. A thread keeps its column, so that the bias is read once. */
__global__ void follow_product(float *y, float *gelu, const float *bias, const float *residual,
                               int64_t rows, int64_t columns) {
    const int64_t j = first_element();
    if (j >= columns) return;
    const float b = bias ? bias[j] : 0;
    for (int64_t i = blockIdx.y; i < rows; i += gridDim.y) {
        const int64_t at  = i * columns + j;
        const float value = y[at] + b + (residual ? residual[at] : 0);
        y[at]             = value;
        if (gelu) gelu[at] = value * gelu_sigmoid(value);
    }
}

__global__ void times_slope(float *dx, const float *before, int64_t count) {
    for (int64_t i = first_element(); i < count; i += element_stride())
        dx[i] *= gelu_slope(before[i]);
}

} // namespace

cudaError_t sluice__launch_epilogue(float *y, float *gelu, const float *bias, const float *residual,
                                    int64_t rows, int64_t columns, cudaStream_t stream) {
    if (rows == 0 || columns == 0) return cudaSuccess;
    const dim3 grid(grid_for(columns, THREADS), static_cast<unsigned>(rows < 65535 ? rows : 65535));
    return SLUICE__LAUNCH(follow_product, grid, THREADS, 0, stream, y, gelu, bias, residual, rows,
                          columns);
}

cudaError_t sluice__launch_gelu_slope(float *dx, const float *before, int64_t count,
                                      cudaStream_t stream) {
    if (count == 0) return cudaSuccess;
    return SLUICE__LAUNCH(times_slope, grid_for(count, THREADS), THREADS, 0, stream, dx, before,
                          count);
}
