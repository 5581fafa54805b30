/* SPDX-License-Identifier: MIT */
/* head_norm.cu -- bound by memory: a warp per head of a row; for the gains a lane per column, and
 * the heads shared among the warps of a block. */
#include "runtime/device/blocks.h"
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { WARPS = 4, SHARES = 8 };

/* The number of the warp's head. */
__device__ inline int64_t head_of_warp() {
    return static_cast<int64_t>(blockIdx.x) * WARPS + warp_number();
}

template <class T> __global__ void normalize(const sluice_head_norm args) {
    const int64_t width = args.head_width, normed = args.heads + args.kv_heads;
    const int64_t heads = normed + args.kv_heads, at = head_of_warp();
    if (at >= args.rows * heads) return; /* a whole warp, and no barrier follows */
    const T *x         = elements<T>(args.qkv) + at * width;
    T *y               = elements<T>(args.y) + at * width;
    const int64_t head = at % heads;
    if (head >= normed) { /* a value */
        for (int64_t j = lane_number(); j < width; j += LANES) y[j] = x[j];
        return;
    }
    const T *gain = elements<T>(head < args.heads ? args.q_gain : args.k_gain);
    float squares = 0;
    for (int64_t j = lane_number(); j < width; j += LANES) squares += x[j] * x[j];
    const float mean = warp_sum(squares) / static_cast<float>(width);
    const float rstd = 1.0f / sqrtf(mean + args.epsilon);
    for (int64_t j = lane_number(); j < width; j += LANES) y[j] = x[j] * rstd * gain[j];
    if (lane_number() == 0) args.rstd[at / heads * normed + head] = rstd;
}

/* In place: each element is read and then written by one lane. */
template <class T> __global__ void gradient_of_input(const sluice_head_norm_backward args) {
    const int64_t width = args.head_width, normed = args.heads + args.kv_heads;
    const int64_t number = head_of_warp();
    if (number >= args.rows * normed) return; /* a whole warp, and no barrier follows */
    const int64_t row = number / normed, head = number % normed;
    const int64_t at = (row * (normed + args.kv_heads) + head) * width;
    const T *x       = elements<T>(args.qkv) + at,
            *gain    = elements<T>(head < args.heads ? args.q_gain : args.k_gain);
    T *dy            = elements<T>(args.dqkv) + at;
    const float rstd = args.rstd[number];
    float dot        = 0;
    for (int64_t j = lane_number(); j < width; j += LANES) dot += dy[j] * gain[j] * (x[j] * rstd);
    dot = warp_sum(dot) / static_cast<float>(width);
    for (int64_t j = lane_number(); j < width; j += LANES)
        dy[j] = rstd * (dy[j] * gain[j] - x[j] * rstd * dot);
}

/* Blocks: 32 columns, so many rows, and queries or keys. The shares of a block's warps are added in
 * their order. */
template <class T> __global__ void sum_rows(const sluice_head_norm_backward args, float *partials) {
    SLUICE__SHARED(float, shares, SHARES *LANES);
    const int64_t width = args.head_width, normed = args.heads + args.kv_heads;
    const int64_t j = static_cast<int64_t>(blockIdx.x) * LANES + lane_number(), block = blockIdx.y;
    const int64_t begin = blockIdx.z == 0 ? 0 : args.heads;
    const int64_t end   = blockIdx.z == 0 ? args.heads : normed;
    const int64_t first = block * SLUICE__COLUMN_SUM_ROWS;
    const int64_t last  = min(args.rows, first + SLUICE__COLUMN_SUM_ROWS);
    float sum           = 0;
    for (int64_t row = first; row < last && j < width; row++)
        for (int64_t head = begin + warp_number(); head < end; head += SHARES) {
            const int64_t at = (row * (normed + args.kv_heads) + head) * width + j;
            sum += elements<T>(args.dqkv)[at] *
                   (elements<T>(args.qkv)[at] * args.rstd[row * normed + head]);
        }
    shares[threadIdx.x] = sum;
    __syncthreads();
    if (warp_number() > 0 || j >= width) return;
    for (int w = 1; w < SHARES; w++) sum += shares[w * LANES + lane_number()];
    partials[(blockIdx.z * static_cast<int64_t>(gridDim.y) + block) * width + j] = sum;
}

unsigned blocks_for(int64_t heads) {
    return static_cast<unsigned>((heads + WARPS - 1) / WARPS);
}

} // namespace

cudaError_t sluice__launch_head_norm(const sluice_head_norm *args, sluice_type type,
                                     cudaStream_t stream) {
    const int64_t heads = args->rows * (args->heads + 2 * args->kv_heads);
    if (heads == 0 || args->head_width == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        return SLUICE__LAUNCH(normalize<decltype(element)>, blocks_for(heads), WARPS * LANES, 0,
                              stream, *args);
    });
}

cudaError_t sluice__launch_head_norm_input(const sluice_head_norm_backward *args, sluice_type type,
                                           cudaStream_t stream) {
    const int64_t heads = args->rows * (args->heads + args->kv_heads);
    if (heads == 0 || args->head_width == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        return SLUICE__LAUNCH(gradient_of_input<decltype(element)>, blocks_for(heads),
                              WARPS * LANES, 0, stream, *args);
    });
}

cudaError_t sluice__launch_head_norm_columns(const sluice_head_norm_backward *args,
                                             sluice_type type, cudaStream_t stream) {
    const int64_t blocks = sluice__blocks(args->rows, SLUICE__COLUMN_SUM_ROWS);
    if (blocks == 0 || args->head_width == 0) return cudaSuccess;
    if (blocks > 65535) return cudaErrorInvalidConfiguration;
    const dim3 grid(grid_for(args->head_width, LANES), static_cast<unsigned>(blocks), 2);
    return for_type(type, [=](auto element) {
        return SLUICE__LAUNCH(sum_rows<decltype(element)>, grid, SHARES * LANES, 0, stream, *args,
                              static_cast<float *>(args->scratch));
    });
}
