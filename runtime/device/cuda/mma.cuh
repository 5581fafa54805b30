/* SPDX-License-Identifier: MIT */
/*
 * mma.cuh -- what the kernels of attention on tensor cores share: bf16 rows in shared memory, and
 * products of a warp's 16 rows with a tile of rows.
 *
 * A block has WARPS warps; a warp owns OWN rows (queries in forward and for dq, keys for dk and dv)
 * and goes through the other side a tile at a time. Rows in shared memory are D elements and a gap
 * of 16 bytes, so that 8 rows meet no bank twice.
 *
 * A product of the warp has its 16 x 8 results as PTX lays them out (PTX ISA, mma.m16n8k16): lane l
 * has columns 2 (l % 4) and the next, of rows l / 4 (elements 0 and 1) and l / 4 + 8 (2 and 3). The
 * results of two neighbours are, rounded, a factor with 16 columns of the next product (Dao 2023).
 */
#ifndef SLUICE_DEVICE_CUDA_MMA_CUH
#define SLUICE_DEVICE_CUDA_MMA_CUH

#include "runtime/device/cuda/heads.cuh"
#include "runtime/device/cuda/random.cuh"

enum { WARPS = 4, THREADS = WARPS * LANES, OWN = 16, OWNED = WARPS * OWN };
constexpr float LOG2_E = 1.44269504f; /* exp(x) is exp2(x LOG2_E) */

/* Elements between rows in shared memory. */
template <int D> constexpr int pitch_of = D + 8;

/* to (count, pitch) = rows first .. first + count - 1 of `from`, zeros past `length`. Rows of both
 * are at multiples of 16 bytes. */
template <int D>
__device__ inline void load_rows(bf16 *to, int count, const bf16 *from, int64_t stride,
                                 int64_t first, int64_t length) {
    constexpr int WIDE = 8; /* elements of a load */
    for (int e = static_cast<int>(threadIdx.x); e < count * (D / WIDE); e += THREADS) {
        const int i = e / (D / WIDE), j = e % (D / WIDE) * WIDE;
        uint4 eight = make_uint4(0, 0, 0, 0);
        if (first + i < length)
            eight = *reinterpret_cast<const uint4 *>(from + (first + i) * stride + j);
        *reinterpret_cast<uint4 *>(to + i * pitch_of<D> + j) = eight;
    }
}

/* Of this lane's element c: its row among the warp's 16, and its column in the n-th product. */
__device__ inline int row_of(int c) {
    return lane_number() / 4 + c / 2 * 8;
}

__device__ inline int column_of(int n, int c) {
    return 8 * n + lane_number() % 4 * 2 + c % 2;
}

/* results (16, 8 N) = own (16, D) times the transpose of the first 8 N rows of a tile. */
template <int D, int N>
__device__ inline void dot_rows(float (&results)[N][4], const bf16 *own, const bf16 *tile) {
    for (int n = 0; n < N; n++)
        for (int c = 0; c < 4; c++) results[n][c] = 0;
    const bf16 *mine  = own + lane_number() % 16 * pitch_of<D> + lane_number() / 16 * 8;
    const bf16 *other = tile + lane_number() % 8 * pitch_of<D> + lane_number() / 8 * 8;
    for (int d = 0; d < D; d += 32) {
        unsigned a[4], b[4], c[4];
        sluice__load_matrices(a, mine + d);
        sluice__load_matrices(b, mine + d + 16);
        for (int n = 0; n < N; n++) {
            sluice__load_matrices(c, other + 8 * n * pitch_of<D> + d);
            sluice__mma(results[n], a, c[0], c[1]);
            sluice__mma(results[n], b, c[2], c[3]);
        }
    }
}

/* sums (16, D) += weights (16, 8 N), rounded to bf16, times the first 8 N rows of a tile. */
template <int D, int N>
__device__ inline void add_rows(float (&sums)[D / 8][4], const float (&weights)[N][4],
                                const bf16 *tile) {
    const bf16 *mine = tile + lane_number() % 16 * pitch_of<D> + lane_number() / 16 * 8;
    for (int n = 0; n < N; n += 2) {
        const unsigned a[4] = {sluice__bf16_pair(weights[n][0], weights[n][1]),
                               sluice__bf16_pair(weights[n][2], weights[n][3]),
                               sluice__bf16_pair(weights[n + 1][0], weights[n + 1][1]),
                               sluice__bf16_pair(weights[n + 1][2], weights[n + 1][3])};
        for (int d = 0; d < D / 8; d += 2) {
            unsigned b[4];
            sluice__load_transposed(b, mine + 8 * n * pitch_of<D> + 8 * d);
            sluice__mma(sums[d], a, b[0], b[1]);
            sluice__mma(sums[d + 1], a, b[2], b[3]);
        }
    }
}

/* Rows of the warp that exist = sums times `by` of each lane's two rows. */
template <int D>
__device__ inline void store_rows(bf16 *to, int64_t stride, const float (&sums)[D / 8][4],
                                  const float (&by)[2], int64_t first, int64_t length) {
    for (int half = 0; half < 2; half++) {
        const int64_t row = first + row_of(2 * half);
        for (int n = 0; n < D / 8 && row < length; n++)
            *reinterpret_cast<unsigned *>(to + row * stride + column_of(n, 0)) =
                sluice__bf16_pair(sums[n][2 * half] * by[half], sums[n][2 * half + 1] * by[half]);
    }
}

/* Weights of queries `query` and on, and of keys `key` and on, times dropout's factors. */
template <int N>
__device__ inline void drop_weights(float (&weights)[N][4], const draw &d, const head &h,
                                    int64_t length, int64_t query, int64_t key) {
    SLUICE__UNROLL for (int n = 0; n < N; n++) SLUICE__UNROLL for (int c = 0; c < 4; c++)
        weights[n][c] *=
        factor_of(d, h.sample, probability_of(h, length, query + row_of(c), key + column_of(n, c)));
}

/* Over the four lanes that share a row. */
__device__ inline float row_sum(float value) {
    value += __shfl_xor_sync(EVERY_LANE, value, 1);
    return value + __shfl_xor_sync(EVERY_LANE, value, 2);
}

__device__ inline float row_max(float value) {
    value = fmaxf(value, __shfl_xor_sync(EVERY_LANE, value, 1));
    return fmaxf(value, __shfl_xor_sync(EVERY_LANE, value, 2));
}

#endif
