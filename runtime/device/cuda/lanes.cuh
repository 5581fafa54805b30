/* SPDX-License-Identifier: MIT */
/* lanes.cuh -- what kernels share: grids, and sums over the lanes of a warp and of a block. */
#ifndef SLUICE_DEVICE_CUDA_LANES_CUH
#define SLUICE_DEVICE_CUDA_LANES_CUH

#include <cstdint>

#include "runtime/device/cuda/elements.cuh"
#include "runtime/device/cuda/portable.h"

enum { LANES = 32 };
constexpr unsigned EVERY_LANE = 0xffffffffu;

/* Blocks of a grid-stride loop. An empty grid is a launch error: do not launch. */
static inline unsigned grid_for(int64_t count, int64_t block) {
    const int64_t blocks = (count + block - 1) / block, max_blocks = 1 << 20;
    return static_cast<unsigned>(blocks < max_blocks ? blocks : max_blocks);
}

__device__ inline int lane_number() {
    return static_cast<int>(threadIdx.x % LANES);
}

__device__ inline int warp_number() {
    return static_cast<int>(threadIdx.x / LANES);
}

/* This thread's first element of a grid-stride loop, and its stride. */
__device__ inline int64_t first_element() {
    return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

__device__ inline int64_t element_stride() {
    return static_cast<int64_t>(gridDim.x) * blockDim.x;
}

/* ---- a warp: every lane gets the result, by the same tree each time ---- */

template <class T> __device__ inline T warp_sum(T value) {
    for (int apart = LANES / 2; apart > 0; apart /= 2)
        value += __shfl_xor_sync(EVERY_LANE, value, apart);
    return value;
}

template <class T> __device__ inline T warp_max(T value) {
    for (int apart = LANES / 2; apart > 0; apart /= 2) {
        const T other = __shfl_xor_sync(EVERY_LANE, value, apart);
        value         = other > value ? other : value;
    }
    return value;
}

/* ---- a block of whole warps: `shared` holds a value per warp; every thread gets the result ----
 */

template <class T> __device__ inline T block_sum(T value, T *shared) {
    const int warps = static_cast<int>(blockDim.x) / LANES;
    value           = warp_sum(value);
    __syncthreads(); /* `shared` may still be read */
    if (lane_number() == 0) shared[warp_number()] = value;
    __syncthreads();
    return warp_sum(lane_number() < warps ? shared[lane_number()] : T(0));
}

template <class T> __device__ inline T block_max(T value, T *shared) {
    const int warps = static_cast<int>(blockDim.x) / LANES;
    value           = warp_max(value);
    __syncthreads();
    if (lane_number() == 0) shared[warp_number()] = value;
    __syncthreads();
    return warp_max(shared[lane_number() < warps ? lane_number() : 0]);
}

#endif
