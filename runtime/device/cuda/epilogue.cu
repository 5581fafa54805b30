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

/* A thread keeps its column, so that the bias is read once. */
template <class T>
__global__ void follow_product(T *y, T *gelu, const T *bias, int64_t rows, int64_t columns) {
    const int64_t j = first_element();
    if (j >= columns) return;
    const float b = bias ? static_cast<float>(bias[j]) : 0;
    for (int64_t i = blockIdx.y; i < rows; i += gridDim.y) {
        const int64_t at = i * columns + j;
        if (bias) y[at] = y[at] + b;
        const float value = y[at];
        if (gelu) gelu[at] = value * gelu_sigmoid(value);
    }
}

template <class T> __global__ void times_slope(T *dx, const T *before, int64_t count) {
    for (int64_t i = first_element(); i < count; i += element_stride())
        dx[i] = dx[i] * gelu_slope(before[i]);
}

} // namespace

cudaError_t sluice__launch_epilogue(void *y, void *gelu, const void *bias, int64_t rows,
                                    int64_t columns, sluice_type type, cudaStream_t stream) {
    if (rows == 0 || columns == 0) return cudaSuccess;
    const dim3 grid(grid_for(columns, THREADS), static_cast<unsigned>(rows < 65535 ? rows : 65535));
    return for_type(type, [=](auto element) {
        using T = decltype(element);
        return SLUICE__LAUNCH(follow_product<T>, grid, THREADS, 0, stream, static_cast<T *>(y),
                              static_cast<T *>(gelu), static_cast<const T *>(bias), rows, columns);
    });
}

cudaError_t sluice__launch_gelu_slope(void *dx, const void *before, int64_t count, sluice_type type,
                                      cudaStream_t stream) {
    if (count == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        using T = decltype(element);
        return SLUICE__LAUNCH(times_slope<T>, grid_for(count, THREADS), THREADS, 0, stream,
                              static_cast<T *>(dx), static_cast<const T *>(before), count);
    });
}
