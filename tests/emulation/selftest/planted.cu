/* SPDX-License-Identifier: MIT */
/* planted.cu -- kernels with one bug each, which the emulation must find. */
#include "kernels.h"

#include "runtime/device/cuda/portable.h"

namespace {

__device__ inline int element() {
    return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}

/* The barrier between writing and reading is missing. */
__global__ void reverse_no_barrier(float *y, const float *x) {
    SLUICE__DYNAMIC_SHARED(float, kept);
    kept[threadIdx.x] = x[element()];
    y[element()]      = kept[blockDim.x - 1 - threadIdx.x];
}

/* The same, but right if thread t - by happens to run before thread t. */
__global__ void neighbour_no_barrier(float *y, const float *x, int by) {
    SLUICE__SHARED(float, kept, 64);
    const int t = static_cast<int>(threadIdx.x);
    kept[t]     = x[t];
    y[t]        = kept[(t + by) & 63];
}

/* One element too many: `<=`. */
__global__ void past_end(float *y, int count) {
    if (element() <= count) y[element()] = 1;
}

__global__ void before_start(float *y) {
    y[-1] = 1;
}

__global__ void far_read(float *y, const float *x, int distance) {
    y[0] = x[distance];
}

__global__ void shared_past_end(float *y, int index) {
    SLUICE__SHARED(float, shared, 8);
    float *const at = shared; /* so that the compiler's bounds check does not find it first */
    at[index]       = 1;
    __syncthreads();
    y[0] = shared[0];
}

__global__ void dynamic_past_end(float *y, int index) {
    SLUICE__DYNAMIC_SHARED(float, shared);
    shared[index] = 1;
    __syncthreads();
    y[0] = shared[0];
}

__global__ void divergent_barrier(float *y) {
    if (threadIdx.x < 16) __syncthreads();
    y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
}

/* Every thread reaches a barrier, but not the same one. */
__global__ void two_barriers(float *y) {
    if (threadIdx.x < 32) {
        y[threadIdx.x] = 1;
        __syncthreads();
    } else {
        y[threadIdx.x] = 2;
        __syncthreads();
    }
}

__global__ void early_return(float *y) {
    if (threadIdx.x == 63) return;
    __syncthreads();
    y[threadIdx.x] = 1;
}

__global__ void wrong_mask(float *y) {
    y[threadIdx.x] = __shfl_xor_sync(0xffffu, 1.0f, 1); /* lanes 16 to 31 call it, too */
}

__global__ void shuffle_outside(float *y) {
    if (threadIdx.x < 16) y[threadIdx.x] = __shfl_sync(0xffffu, 1.0f, 20);
}

__device__ float deep_sum(const float *kept, int depth) {
    volatile float more[256] = {};
    more[depth % 256]        = kept[depth % 256];
    return depth == 0 ? more[0] : deep_sum(const_cast<const float *>(more), depth - 1) + more[1];
}

/* Recursion that needs more stack than a CUDA thread has here. */
__global__ void deep(float *y) {
    float kept[256] = {};
    y[0]            = deep_sum(kept, 100000);
}

} // namespace

cudaError_t launch_reverse_no_barrier(float *y, const float *x, int count, cudaStream_t stream) {
    return SLUICE__LAUNCH(reverse_no_barrier, static_cast<unsigned>((count + 63) / 64), 64,
                          64 * sizeof(float), stream, y, x);
}

cudaError_t launch_neighbour_no_barrier(float *y, const float *x, int by, cudaStream_t stream) {
    return SLUICE__LAUNCH(neighbour_no_barrier, 1, 64, 0, stream, y, x, by);
}

cudaError_t launch_past_end(float *y, int count, cudaStream_t stream) {
    return SLUICE__LAUNCH(past_end, static_cast<unsigned>(count / 64 + 1), 64, 0, stream, y, count);
}

cudaError_t launch_before_start(float *y, cudaStream_t stream) {
    return SLUICE__LAUNCH(before_start, 1, 1, 0, stream, y);
}

cudaError_t launch_far_read(float *y, const float *x, int distance, cudaStream_t stream) {
    return SLUICE__LAUNCH(far_read, 1, 1, 0, stream, y, x, distance);
}

cudaError_t launch_shared_past_end(float *y, int index, cudaStream_t stream) {
    return SLUICE__LAUNCH(shared_past_end, 1, 1, 0, stream, y, index);
}

cudaError_t launch_dynamic_past_end(float *y, int index, cudaStream_t stream) {
    return SLUICE__LAUNCH(dynamic_past_end, 1, 1, 8 * sizeof(float), stream, y, index);
}

cudaError_t launch_divergent_barrier(float *y, cudaStream_t stream) {
    return SLUICE__LAUNCH(divergent_barrier, 1, 32, 0, stream, y);
}

cudaError_t launch_two_barriers(float *y, cudaStream_t stream) {
    return SLUICE__LAUNCH(two_barriers, 1, 64, 0, stream, y);
}

cudaError_t launch_early_return(float *y, cudaStream_t stream) {
    return SLUICE__LAUNCH(early_return, 1, 64, 0, stream, y);
}

cudaError_t launch_wrong_mask(float *y, cudaStream_t stream) {
    return SLUICE__LAUNCH(wrong_mask, 1, 32, 0, stream, y);
}

cudaError_t launch_shuffle_outside(float *y, cudaStream_t stream) {
    return SLUICE__LAUNCH(shuffle_outside, 1, 32, 0, stream, y);
}

cudaError_t launch_deep(float *y, cudaStream_t stream) {
    return SLUICE__LAUNCH(deep, 1, 1, 0, stream, y);
}
