/* SPDX-License-Identifier: MIT */
/* kernels.cu -- correct kernels, one for each language feature that the emulation has. */
#include "kernels.h"

#include "runtime/device/cuda/portable.h"

namespace {

constexpr unsigned EVERY_LANE = 0xffffffffu;

__device__ inline int element() {
    return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}

unsigned blocks_for(int count, int block) {
    return static_cast<unsigned>((count + block - 1) / block);
}

__global__ void fill(float *y, float value, int count) {
    if (element() < count) y[element()] = value;
}

__global__ void __launch_bounds__(256) add(float *z, const float *x, const float *y, int count) {
    if (element() < count) z[element()] = __ldg(&x[element()]) + y[element()];
}

__global__ void copy(float *y, const float *x, int count) {
    if (element() < count) y[element()] = x[element()];
}

__global__ void row_sums(float *y, const float *x, int width) {
    SLUICE__SHARED(float, sums, 4);
    const float *const row = x + static_cast<size_t>(blockIdx.x) * static_cast<size_t>(width);
    float sum              = 0;
    for (int i = static_cast<int>(threadIdx.x); i < width; i += static_cast<int>(blockDim.x))
        sum += row[i];
    for (int apart = 16; apart > 0; apart /= 2) sum += __shfl_xor_sync(EVERY_LANE, sum, apart);
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) y[blockIdx.x] = sums[0] + sums[1] + sums[2] + sums[3];
}

__global__ void reverse(float *y, const float *x) {
    SLUICE__DYNAMIC_SHARED(float, kept);
    kept[threadIdx.x] = x[element()];
    __syncthreads();
    y[element()] = kept[blockDim.x - 1 - threadIdx.x];
}

__global__ void neighbour(float *y, const float *x, int by) {
    SLUICE__SHARED(float, kept, 64);
    const int t = static_cast<int>(threadIdx.x);
    kept[t]     = x[t];
    __syncthreads();
    y[t] = kept[(t + by) & 63];
}

/* Half warps synchronize independently, any number of times, without confusing the others. */
__device__ int half_sum(int value) {
    const unsigned mask = threadIdx.x % 32 < 16 ? 0xffffu : 0xffff0000u;
    const int rounds    = threadIdx.x % 32 < 16 ? 1 : 5;
    int sum             = 0;
    for (int round = 0; round < rounds; round++) {
        sum = value;
        for (int apart = 8; apart > 0; apart /= 2) sum += __shfl_xor_sync(mask, sum, apart, 16);
    }
    return sum;
}

__global__ void warp_words(int *out) {
    const int lane = static_cast<int>(threadIdx.x % 32), me = static_cast<int>(threadIdx.x);
    const int values[] = {
        __shfl_sync(EVERY_LANE, me, 3),
        __shfl_up_sync(EVERY_LANE, me, 1),
        __shfl_down_sync(EVERY_LANE, me, 2),
        __shfl_xor_sync(EVERY_LANE, me, 5),
        __shfl_down_sync(EVERY_LANE, me, 1, 8),
        static_cast<int>(__ballot_sync(EVERY_LANE, lane % 3 == 0)),
        __any_sync(EVERY_LANE, me == 40),
        __all_sync(EVERY_LANE, me < 64),
        __syncthreads_count(me % 2),
        __syncthreads_or(me == 95),
        __syncthreads_and(me < 95),
        half_sum(lane),
    };
    __syncwarp();
    for (int i = 0; i < 12; i++) out[me * 12 + i] = values[i];
}

__global__ void atomics(int *out) {
    const int me = element();
    atomicAdd(&out[0], 1);
    atomicMax(&out[1], me);
    atomicMin(&out[2], me);
    atomicOr(&out[3], 1 << me % 31);
    if (atomicCAS(&out[4], 0, 1) == 0) atomicAdd(&out[5], 1);
    atomicAdd(reinterpret_cast<unsigned *>(&out[6]), 2u);
}

/* log[0] counts; each note is appended to those before it. */
__global__ void note(int *log, int what) {
    log[atomicAdd(&log[0], 1) + 1] = what;
}

__global__ void positions(unsigned *out) {
    const unsigned block  = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    unsigned *const at    = out + (block * blockDim.x * blockDim.y * blockDim.z + thread) * 6;
    at[0]                 = blockIdx.x;
    at[1]                 = blockIdx.y;
    at[2]                 = blockIdx.z;
    at[3]                 = threadIdx.x;
    at[4]                 = threadIdx.y;
    at[5]                 = threadIdx.z;
}

__global__ void bits(float *out) {
    const float values[] = {rsqrtf(4.0f),
                            __expf(0.0f),
                            __fdividef(6.0f, 3.0f),
                            fmaf(2.0f, 3.0f, 1.0f),
                            __int_as_float(__float_as_int(1.5f)),
                            static_cast<float>(__popc(0xf0f0u)),
                            static_cast<float>(__clz(1)),
                            static_cast<float>(__umulhi(0x80000000u, 4u)),
                            static_cast<float>(min(3, -2)),
                            max(1.0f, 2.0f)};
    for (int i = 0; i < 10; i++) out[i] = values[i];
}

__global__ void large(float *out, int count) {
    SLUICE__DYNAMIC_SHARED(float, shared);
    for (int i = static_cast<int>(threadIdx.x); i < count; i += 32) shared[i] = 1;
    __syncthreads();
    float sum = 0;
    for (int i = 0; i < count; i++) sum += shared[i];
    if (threadIdx.x == 0) *out = sum;
}

} // namespace

cudaError_t launch_fill(float *y, float value, int count, cudaStream_t stream) {
    return SLUICE__LAUNCH(fill, blocks_for(count, 32), 32, 0, stream, y, value, count);
}

cudaError_t launch_add(float *z, const float *x, const float *y, int count, cudaStream_t stream) {
    return SLUICE__LAUNCH(add, blocks_for(count, 32), 32, 0, stream, z, x, y, count);
}

cudaError_t launch_copy(float *y, const float *x, int count, int threads, size_t shared_bytes,
                        cudaStream_t stream) {
    return SLUICE__LAUNCH(copy, blocks_for(count, threads), static_cast<unsigned>(threads),
                          shared_bytes, stream, y, x, count);
}

cudaError_t launch_row_sums(float *y, const float *x, int rows, int width, cudaStream_t stream) {
    return SLUICE__LAUNCH(row_sums, static_cast<unsigned>(rows), 128, 0, stream, y, x, width);
}

cudaError_t launch_reverse(float *y, const float *x, int count, cudaStream_t stream) {
    return SLUICE__LAUNCH(reverse, blocks_for(count, 64), 64, 64 * sizeof(float), stream, y, x);
}

cudaError_t launch_neighbour(float *y, const float *x, int by, cudaStream_t stream) {
    return SLUICE__LAUNCH(neighbour, 1, 64, 0, stream, y, x, by);
}

cudaError_t launch_warp_words(int *out, cudaStream_t stream) {
    return SLUICE__LAUNCH(warp_words, 1, 96, 0, stream, out);
}

cudaError_t launch_atomics(int *out, int blocks, cudaStream_t stream) {
    return SLUICE__LAUNCH(atomics, static_cast<unsigned>(blocks), 64, 0, stream, out);
}

cudaError_t launch_note(int *log, int what, cudaStream_t stream) {
    return SLUICE__LAUNCH(note, 1, 1, 0, stream, log, what);
}

cudaError_t launch_positions(unsigned *out, dim3 grid, dim3 block, cudaStream_t stream) {
    return SLUICE__LAUNCH(positions, grid, block, 0, stream, out);
}

cudaError_t launch_bits(float *out, cudaStream_t stream) {
    return SLUICE__LAUNCH(bits, 1, 1, 0, stream, out);
}

cudaError_t prepare_large(size_t bytes) {
    return cudaFuncSetAttribute(large, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                static_cast<int>(bytes));
}

cudaError_t launch_large(float *out, size_t bytes, cudaStream_t stream) {
    return SLUICE__LAUNCH(large, 1, 32, bytes, stream, out,
                          static_cast<int>(bytes / sizeof(float)));
}
