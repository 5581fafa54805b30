/* SPDX-License-Identifier: MIT */
/* check.cu -- bound by latency: one block searches for the first index outside a table. */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { THREADS = 256 };

__global__ void look(sluice__cuda_fault *fault, const int32_t *values, int64_t count, int64_t limit,
                     bool negative_allowed, int what, unsigned long long epoch) {
    SLUICE__SHARED(long long, shared, LANES);
    long long nearest = 0; /* count - index of the first bad value: the largest wins */
    for (int64_t i = threadIdx.x; i < count && nearest == 0; i += blockDim.x)
        if (values[i] >= limit || (values[i] < 0 && !negative_allowed)) nearest = count - i;
    nearest = block_max(nearest, shared);
    if (threadIdx.x > 0 || nearest == 0 || fault->what != 0) return;
    atomicExch(&fault->index, static_cast<unsigned long long>(count - nearest));
    atomicExch(&fault->limit, static_cast<unsigned long long>(limit));
    atomicExch(&fault->epoch, epoch);
    atomicExch(&fault->value, values[count - nearest]);
    __threadfence_system();
    atomicExch(&fault->what, what);
}

} // namespace

cudaError_t sluice__launch_check(sluice__cuda_fault *fault, const int32_t *values, int64_t count,
                                 int64_t limit, bool negative_allowed, int what,
                                 unsigned long long epoch, cudaStream_t stream) {
    if (count == 0) return cudaSuccess;
    return SLUICE__LAUNCH(look, 1, THREADS, 0, stream, fault, values, count, limit,
                          negative_allowed, what, epoch);
}
