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

#include "runtime/device/cuda/heads.cuh"

enum { WARPS = 4, THREADS = WARPS * LANES, TILE = 32 };

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

#endif
