/* SPDX-License-Identifier: MIT */
/* update.cu -- bound by memory: all tensors in one launch, a block of elements each. */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"
#include "runtime/device/cuda/partials.cuh"

namespace {

enum { THREADS = 256 };

/* ---- optimizers ---- */

/* The last tensor whose first block is this one or before it. */
__device__ inline const sluice__cuda_tensor *tensor_of_block(const sluice__cuda_tensor *tensors,
                                                             int count) {
    int low = 0, high = count - 1;
    while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (tensors[middle].first_block <= static_cast<int64_t>(blockIdx.x))
            low = middle;
        else
            high = middle - 1;
    }
    return tensors + low;
}

/* Layers read the working copy where there is one. */
template <class T> __device__ inline void store(float *master, T *working, int64_t i, float value) {
    master[i] = value;
    if (working) working[i] = value;
}

template <class T> __global__ void copy_elements(T *to, const float *from, int64_t count) {
    for (int64_t i = first_element(); i < count; i += element_stride()) to[i] = from[i];
}

template <class T>
__global__ void adamw_step(const sluice__cuda_tensor *tensors, int count,
                           const sluice__adamw_factors f) {
    const sluice__cuda_tensor t = *tensor_of_block(tensors, count);
    const int64_t first         = (blockIdx.x - t.first_block) * SLUICE__CUDA_UPDATE;
    const int64_t end           = min(t.count, first + SLUICE__CUDA_UPDATE);
    const float keep            = t.decays ? f.keep[1] : f.keep[0];
    T *const working            = elements<T>(t.working);
    for (int64_t i = first + threadIdx.x; i < end; i += blockDim.x) {
        const float g  = t.gradient[i] * f.gradient;
        const float m  = f.beta1 * t.states[0][i] + (1 - f.beta1) * g;
        const float v  = f.beta2 * t.states[1][i] + (1 - f.beta2) * g * g;
        t.states[0][i] = m;
        t.states[1][i] = v;
        store(t.master, working, i,
              keep * t.master[i] - f.rate * m / (sqrtf(v) * f.second + f.epsilon));
    }
}

/* With a velocity, which `starts` in the first step, or without one. */
template <class T, bool MOVES>
__global__ void sgd_step(const sluice__cuda_tensor *tensors, int count, const sluice__sgd_factors f,
                         bool starts) {
    const sluice__cuda_tensor t = *tensor_of_block(tensors, count);
    const int64_t first         = (blockIdx.x - t.first_block) * SLUICE__CUDA_UPDATE;
    const int64_t end           = min(t.count, first + SLUICE__CUDA_UPDATE);
    const float keep            = t.decays ? f.keep[1] : f.keep[0];
    T *const working            = elements<T>(t.working);
    for (int64_t i = first + threadIdx.x; i < end; i += blockDim.x) {
        float slope = t.gradient[i];
        if (MOVES) {
            slope          = (starts ? 0 : f.momentum * t.states[0][i]) + f.gradient * slope;
            t.states[0][i] = slope;
        }
        store(t.master, working, i, keep * t.master[i] - f.rate * slope);
    }
}

template <class T, bool MOVES>
cudaError_t launch_sgd(const sluice__cuda_tensor *tensors, int count, int64_t blocks,
                       const sluice__sgd_factors *factors, bool starts, cudaStream_t stream) {
    return SLUICE__LAUNCH((sgd_step<T, MOVES>), static_cast<unsigned>(blocks), THREADS, 0, stream,
                          tensors, count, *factors, starts);
}

/* ---- the norm's parts ---- */

__global__ void square_blocks(double *partials, const sluice__cuda_tensor *tensors) {
    SLUICE__SHARED(double, shared, LANES);
    const sluice__cuda_tensor t = tensors[blockIdx.y];
    const int64_t block = partial_block(t.count), first = blockIdx.x * block;
    const int64_t end = min(t.count, first + block);
    double sum        = 0;
    if (first >= end) return; /* a whole block */
    for (int64_t i = first + threadIdx.x; i < end; i += blockDim.x)
        sum += static_cast<double>(t.gradient[i]) * static_cast<double>(t.gradient[i]);
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) partials[blockIdx.y * SLUICE__CUDA_PARTIALS + blockIdx.x] = sum;
}

__global__ void sum_blocks(double *sums, const double *partials, const sluice__cuda_tensor *tensors,
                           int count) {
    const int64_t t = first_element();
    if (t >= count) return;
    sums[t] = sum_partials(partials + t * SLUICE__CUDA_PARTIALS, partial_blocks(tensors[t].count));
}

} // namespace

cudaError_t sluice__launch_adamw(const sluice__cuda_tensor *tensors, int count, int64_t blocks,
                                 const sluice__adamw_factors *factors, sluice_type type,
                                 cudaStream_t stream) {
    if (blocks == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        return SLUICE__LAUNCH(adamw_step<decltype(element)>, static_cast<unsigned>(blocks), THREADS,
                              0, stream, tensors, count, *factors);
    });
}

cudaError_t sluice__launch_sgd(const sluice__cuda_tensor *tensors, int count, int64_t blocks,
                               const sluice__sgd_factors *factors, bool starts, sluice_type type,
                               cudaStream_t stream) {
    if (blocks == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        using T = decltype(element);
        return factors->momentum != 0
                   ? launch_sgd<T, true>(tensors, count, blocks, factors, starts, stream)
                   : launch_sgd<T, false>(tensors, count, blocks, factors, starts, stream);
    });
}

cudaError_t sluice__launch_store_working(void *working, const float *master, int64_t count,
                                         sluice_type type, cudaStream_t stream) {
    if (count == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        using T = decltype(element);
        return SLUICE__LAUNCH(copy_elements<T>, grid_for(count, THREADS), THREADS, 0, stream,
                              static_cast<T *>(working), master, count);
    });
}

cudaError_t sluice__launch_sum_squares(double *sums, double *partials,
                                       const sluice__cuda_tensor *tensors, int count,
                                       cudaStream_t stream) {
    if (count == 0) return cudaSuccess;
    const dim3 grid(SLUICE__CUDA_PARTIALS, static_cast<unsigned>(count));
    const cudaError_t error =
        SLUICE__LAUNCH(square_blocks, grid, THREADS, 0, stream, partials, tensors);
    if (error != cudaSuccess) return error;
    return SLUICE__LAUNCH(sum_blocks, grid_for(count, THREADS), THREADS, 0, stream, sums, partials,
                          tensors, count);
}
