/* SPDX-License-Identifier: MIT */
/* heads.cuh -- what all kernels of attention share: where a head's rows are, what a block works on,
 * and how it is launched. */
#ifndef SLUICE_DEVICE_CUDA_HEADS_CUH
#define SLUICE_DEVICE_CUDA_HEADS_CUH

#include "runtime/device/cuda/lanes.cuh"
#include "sluice/device.h"

/* One query head of one sample, with the key and value head that it shares with others. */
struct head {
    int64_t sample, number;     /* of the head in its sample */
    int64_t q, k, v, in_stride; /* offsets in qkv and dqkv */
    int64_t out, out_stride;    /* of out and dout */
    int64_t rows;               /* offset of the head's lse and delta */
};

/* Query head `number` of a sample. `Arguments`: of attention or its gradient. */
template <class Arguments>
__device__ inline head head_at(const Arguments &args, int64_t sample, int64_t number) {
    const int64_t width = args.head_width, all = args.heads * width, keys = args.kv_heads * width;
    const int64_t kv = number / (args.heads / args.kv_heads);
    head h           = {};
    h.sample         = sample;
    h.number         = number;
    h.in_stride      = all + 2 * keys;
    h.q              = sample * args.length * h.in_stride + number * width;
    h.k              = sample * args.length * h.in_stride + all + kv * width;
    h.v              = h.k + keys;
    h.out_stride     = all;
    h.out            = sample * args.length * all + number * width;
    h.rows           = (sample * args.heads + number) * args.length;
    return h;
}

/* What this block works on: a number among the heads of all samples, and the row of it that the
 * block owns first. */
struct share {
    int64_t head, first;
};

__device__ inline share share_of_block(int64_t length, int owned) {
    const int64_t blocks = (length + owned - 1) / owned;
    return {blockIdx.x / blocks, blockIdx.x % blocks * owned};
}

/* Index of a probability among the elements that dropout draws for. */
__device__ inline int64_t probability_of(const head &h, int64_t length, int64_t query,
                                         int64_t key) {
    return (h.number * length + query) * ((length + 3) / 4 * 4) + key;
}

/* lse and delta (count, at most LANES) of a head's queries from `first` on; zeros past `length`. */
__device__ inline void load_row_sums(float *lse, float *delta, int count, const float *all_lse,
                                     const float *all_delta, const head &h, int64_t first,
                                     int64_t length) {
    if (threadIdx.x >= static_cast<unsigned>(count)) return;
    const bool there     = first + lane_number() < length;
    const int64_t row    = h.rows + first + lane_number();
    lse[lane_number()]   = there ? all_lse[row] : 0;
    delta[lane_number()] = there ? all_delta[row] : 0;
}

/* Whether tensor cores take a head of so many columns, in tensors of the type at these addresses.
 */
static inline bool fits_tensor_cores(int64_t head_width, sluice_type type, const void *a,
                                     const void *b, const void *c) {
    const uintptr_t bits = reinterpret_cast<uintptr_t>(a) | reinterpret_cast<uintptr_t>(b) |
                           reinterpret_cast<uintptr_t>(c);
    return type == SLUICE_TYPE_BF16 && (head_width == 64 || head_width == 128) && bits % 16 == 0;
}

/* More than 48 KiB of shared memory must be requested. */
template <class Kernel> static inline cudaError_t ask_for_shared(Kernel *kernel, size_t bytes) {
    return cudaFuncSetAttribute(reinterpret_cast<const void *>(kernel),
                                cudaFuncAttributeMaxDynamicSharedMemorySize,
                                static_cast<int>(bytes));
}

static inline unsigned blocks_of(int64_t samples, int64_t heads, int64_t length, int owned) {
    return static_cast<unsigned>(samples * heads * ((length + owned - 1) / owned));
}

#endif
