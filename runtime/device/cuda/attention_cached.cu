/* SPDX-License-Identifier: MIT */
/*
 * attention_cached.cu -- bound by reading the cache: a block for each row and query head.
 *
 * Each warp takes every WARPS-th key, with an online softmax of its own; the block then adds up
 * what its warps have. A row's bits do not depend on the other rows of the call.
 */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { WARPS = 4, THREADS = WARPS * LANES };

/* keys and values of the new rows = those in qkv */
template <class T> __global__ void store_rows(const sluice_attention_cached args) {
    const int64_t all = args.heads * args.head_width, kv = args.kv_heads * args.head_width;
    T *const keys = elements<T>(args.keys), *const values = elements<T>(args.values);
    const T *const qkv = elements<T>(args.qkv);
    for (int64_t e = first_element(); e < args.rows * kv; e += element_stride()) {
        const int64_t i = e / kv, j = e % kv, from = i * (all + 2 * kv) + all + j;
        keys[args.position * kv + e]   = qkv[from];
        values[args.position * kv + e] = qkv[from + kv];
    }
}

/* R: columns of a head in 32s. */
template <class T, int R>
__global__ void __launch_bounds__(THREADS)
    attend_cached(const sluice_attention_cached args, const float scale) {
    SLUICE__SHARED(float, outs, WARPS *LANES *R);
    SLUICE__SHARED(float, maxima, WARPS);
    SLUICE__SHARED(float, sums, WARPS);
    const int64_t i = blockIdx.x / args.heads, h = blockIdx.x % args.heads;
    const int64_t width = args.head_width, stride = args.kv_heads * width;
    const int64_t kv   = h / (args.heads / args.kv_heads) * width;
    const int64_t last = args.position + i;
    const T *const q   = elements<T>(args.qkv) + i * (args.heads * width + 2 * stride) + h * width;
    const T *const k = elements<T>(args.keys) + kv, *const v = elements<T>(args.values) + kv;
    float query[R], out[R] = {}, largest = -INFINITY, sum = 0;
    for (int r = 0; r < R; r++) {
        const int64_t j = lane_number() + LANES * r;
        query[r]        = j < width ? static_cast<float>(q[j]) : 0;
    }
    for (int64_t key = warp_number(); key <= last; key += WARPS) {
        float dot = 0;
        for (int r = 0; r < R; r++) {
            const int64_t j = lane_number() + LANES * r;
            if (j < width) dot += query[r] * k[key * stride + j];
        }
        const float score = warp_sum(dot) * scale, now = fmaxf(largest, score);
        const float shrink = expf(largest - now), weight = expf(score - now);
        for (int r = 0; r < R; r++) {
            const int64_t j = lane_number() + LANES * r;
            if (j < width) out[r] = out[r] * shrink + weight * v[key * stride + j];
        }
        sum     = sum * shrink + weight;
        largest = now;
    }
    for (int r = 0; r < R; r++)
        outs[warp_number() * LANES * R + lane_number() + LANES * r] = out[r];
    if (lane_number() == 0) {
        maxima[warp_number()] = largest;
        sums[warp_number()]   = sum;
    }
    __syncthreads();
    float overall = maxima[0], total = 0; /* the first warp has a key */
    for (int w = 1; w < WARPS; w++) overall = fmaxf(overall, maxima[w]);
    for (int w = 0; w < WARPS; w++) total += sums[w] * expf(maxima[w] - overall);
    for (int64_t j = threadIdx.x; j < width; j += THREADS) {
        float all = 0;
        for (int w = 0; w < WARPS; w++) all += outs[w * LANES * R + j] * expf(maxima[w] - overall);
        elements<T>(args.out)[(i * args.heads + h) * width + j] = all / total;
    }
}

template <class T, int R>
cudaError_t launch(const sluice_attention_cached *args, cudaStream_t stream) {
    const float scale = 1.0f / sqrtf(static_cast<float>(args->head_width));
    return SLUICE__LAUNCH((attend_cached<T, R>), static_cast<unsigned>(args->rows * args->heads),
                          THREADS, 0, stream, *args, scale);
}

} // namespace

cudaError_t sluice__launch_attention_cached(const sluice_attention_cached *args, sluice_type type,
                                            cudaStream_t stream) {
    const int64_t count = args->rows * args->kv_heads * args->head_width;
    if (count == 0 || args->heads == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        using T = decltype(element);
        const cudaError_t stored =
            SLUICE__LAUNCH(store_rows<T>, grid_for(count, THREADS), THREADS, 0, stream, *args);
        if (stored != cudaSuccess) return stored;
        if (args->head_width <= 32) return launch<T, 1>(args, stream);
        if (args->head_width <= 64) return launch<T, 2>(args, stream);
        if (args->head_width <= 128) return launch<T, 4>(args, stream);
        return launch<T, 8>(args, stream);
    });
}
