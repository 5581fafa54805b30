/* SPDX-License-Identifier: MIT */
/*
 * tile.cuh -- what the kernels of attention share: rows of queries and keys in shared memory.
 *
 * A block has WARPS warps; a warp owns OWN rows (queries in forward and for dq, keys for dk and dv)
 * and goes through the other side a tile of 32 rows at a time, in which a lane stands for one row
 * while dot products are made, and for every 32nd column while rows are added up. Rows are padded
 * with zeros to WIDTH = 32 * R columns; a tile's pitch is odd, so that lanes reading 32 rows meet
 * no bank twice.
 */
#ifndef SLUICE_DEVICE_CUDA_TILE_CUH
#define SLUICE_DEVICE_CUDA_TILE_CUH

#include "runtime/device/cuda/lanes.cuh"
#include "sluice/device.h"

enum { WARPS = 4, THREADS = WARPS * LANES, TILE = 32 };

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

/* to (count, pitch) = rows first .. first + count - 1 of `from`; zeros past `length` and `width`.
 */
template <int COLUMNS, class T>
__device__ inline void load_rows(float *to, int pitch, int count, const T *from, int64_t stride,
                                 int64_t first, int64_t length, int64_t width) {
    for (int e = static_cast<int>(threadIdx.x); e < count * COLUMNS; e += THREADS) {
        const int i = e / COLUMNS, j = e % COLUMNS;
        const bool there  = first + i < length && j < width;
        to[i * pitch + j] = there ? static_cast<float>(from[(first + i) * stride + j]) : 0;
    }
}

/* Index of a probability among the elements that dropout draws for. */
__device__ inline int64_t probability_of(const head &h, int64_t length, int64_t query,
                                         int64_t key) {
    return (h.number * length + query) * ((length + 3) / 4 * 4) + key;
}

/* sums[i][r] += weights (OWN, TILE) times the tile's columns of this lane. */
template <int R, int OWN>
__device__ inline void add_tile(float (&sums)[OWN][R], const float *weights, const float *tile,
                                int pitch) {
    for (int j = 0; j < TILE; j++) {
        float column[R];
        for (int r = 0; r < R; r++) column[r] = tile[j * pitch + lane_number() + LANES * r];
        for (int i = 0; i < OWN; i++) {
            const float weight = weights[i * TILE + j];
            for (int r = 0; r < R; r++) sums[i][r] += weight * column[r];
        }
    }
}

/* to[i * stride + column] = row[i][r] * by[i] of the warp's own rows that exist. */
template <int R, int OWN, class T>
__device__ inline void store_rows(T *to, int64_t stride, const float (&sums)[OWN][R],
                                  const float (&by)[OWN], int64_t first, int64_t length,
                                  int64_t width) {
    for (int i = 0; i < OWN && first + i < length; i++)
        for (int r = 0; r < R; r++) {
            const int64_t j = lane_number() + LANES * r;
            if (j < width) to[(first + i) * stride + j] = sums[i][r] * by[i];
        }
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
