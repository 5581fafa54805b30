/* SPDX-License-Identifier: MIT */
/* races.cu -- kernels that are correct unless one of their barriers is left out. */
#include "kernels.h"

#include "runtime/device/cuda/lanes.cuh"

namespace {

/* Each block has separate elements, or all write to those of block 0. */
__global__ void collide(float *y, bool apart) {
    y[apart ? first_element() : threadIdx.x] = static_cast<float>(threadIdx.x);
}

/* Values moved by a shuffle are right; memory still needs the barrier. */
__global__ void swap_in_warp(float *y, const float *x, bool barrier) {
    SLUICE__SHARED(float, kept, LANES);
    kept[threadIdx.x] = x[threadIdx.x];
    const float moved = __shfl_xor_sync(EVERY_LANE, x[threadIdx.x], 1);
    if (barrier) __syncwarp();
    y[threadIdx.x] = moved - kept[threadIdx.x ^ 1];
}

__global__ void swap_in_block(float *y, const float *x, bool all) {
    SLUICE__SHARED(float, kept, 2 * LANES);
    kept[threadIdx.x] = x[threadIdx.x];
    if (all)
        __syncthreads();
    else
        __syncwarp();
    y[threadIdx.x] = kept[2 * LANES - 1 - threadIdx.x];
}

/* The shared array is used twice, so that all barriers of both functions are needed. */
__global__ void sums_and_maxima(float *y, const float *x) {
    SLUICE__SHARED(float, sums, LANES);
    SLUICE__SHARED(float, maxima, LANES);
    const float mine       = x[threadIdx.x];
    const float sum        = block_sum(mine, sums) + block_sum(2 * mine, sums);
    const float largest    = block_max(mine, maxima) + block_max(2 * mine, maxima);
    y[2 * threadIdx.x]     = sum;
    y[2 * threadIdx.x + 1] = largest;
}

} // namespace

cudaError_t launch_collide(float *y, bool apart, cudaStream_t stream) {
    return SLUICE__LAUNCH(collide, 3, 64, 0, stream, y, apart);
}

cudaError_t launch_swap_in_warp(float *y, const float *x, bool barrier, cudaStream_t stream) {
    return SLUICE__LAUNCH(swap_in_warp, 1, LANES, 0, stream, y, x, barrier);
}

cudaError_t launch_swap_in_block(float *y, const float *x, bool all, cudaStream_t stream) {
    return SLUICE__LAUNCH(swap_in_block, 1, 2 * LANES, 0, stream, y, x, all);
}

cudaError_t launch_sums_and_maxima(float *y, const float *x, cudaStream_t stream) {
    return SLUICE__LAUNCH(sums_and_maxima, 1, 2 * LANES, 0, stream, y, x);
}
