/* SPDX-License-Identifier: MIT */
/* partials.cuh -- reductions to one number: blocks fixed by the count, whose number is limited. */
#ifndef SLUICE_DEVICE_CUDA_PARTIALS_CUH
#define SLUICE_DEVICE_CUDA_PARTIALS_CUH

#include "runtime/device/cuda/kernels.h"

__host__ __device__ inline int64_t partial_block(int64_t count) {
    const int64_t min_block = 16384;
    const int64_t needed    = (count + SLUICE__CUDA_PARTIALS - 1) / SLUICE__CUDA_PARTIALS;
    return needed > min_block ? needed : min_block;
}

__host__ __device__ inline int64_t partial_blocks(int64_t count) {
    return (count + partial_block(count) - 1) / partial_block(count);
}

/* In order of blocks. */
__device__ inline double sum_partials(const double *partials, int64_t blocks) {
    double sum = 0;
    for (int64_t b = 0; b < blocks; b++) sum += partials[b];
    return sum;
}

#endif
