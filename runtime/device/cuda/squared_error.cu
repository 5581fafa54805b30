/* SPDX-License-Identifier: MIT */
/* squared_error.cu -- bound by memory: differences, and their squares summed in fixed blocks. */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"
#include "runtime/device/cuda/partials.cuh"

namespace {

enum { THREADS = 256 };

/* dx may be x: each element is read and then written by one thread. */
template <class T>
__global__ void square_errors(const sluice_squared_error args, double *partials, int64_t block) {
    SLUICE__SHARED(double, shared, LANES);
    const int64_t first = blockIdx.x * block, end = min(args.count, first + block);
    const T *x        = elements<T>(args.x);
    T *dx             = elements<T>(args.dx);
    const float twice = static_cast<float>(2 * args.scale);
    double sum        = 0;
    for (int64_t i = first + threadIdx.x; i < end; i += blockDim.x) {
        const float error = x[i] - args.targets[i];
        sum += static_cast<double>(error) * static_cast<double>(error);
        if (dx) dx[i] = twice * error;
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

__global__ void finish_error(double *loss, const double *partials, int64_t blocks, double scale) {
    if (threadIdx.x == 0) *loss = scale * sum_partials(partials, blocks);
}

} // namespace

cudaError_t sluice__launch_squared_error(const sluice_squared_error *args, double *partials,
                                         sluice_type type, cudaStream_t stream) {
    const int64_t block = partial_block(args->count), blocks = partial_blocks(args->count);
    if (blocks > 0) {
        const cudaError_t error = for_type(type, [=](auto element) {
            return SLUICE__LAUNCH(square_errors<decltype(element)>, static_cast<unsigned>(blocks),
                                  THREADS, 0, stream, *args, partials, block);
        });
        if (error != cudaSuccess) return error;
    }
    return SLUICE__LAUNCH(finish_error, 1, LANES, 0, stream, args->loss, partials, blocks,
                          args->scale);
}
