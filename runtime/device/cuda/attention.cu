/* SPDX-License-Identifier: MIT */
/*
 * attention.cu -- bound by reads of shared memory: causal attention with an online softmax, where
 * attention_mma.cu does not do it.
 *
 * Scores exist for (a warp's queries, 32 keys) at a time. Each query has a running maximum and sum;
 * what was added up under a smaller maximum is scaled down when a larger one appears.
 */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/random.cuh"
#include "runtime/device/cuda/tile.cuh"

namespace {

/* Columns in 32s, and queries of a warp. */
template <int R> struct shape {
    static constexpr int own = 4, width = LANES * R, pitch = width + 1, owned = WARPS * own;
    static constexpr size_t bytes =
        sizeof(float) * (2 * TILE * pitch + owned * width + owned * TILE);
};

/* The softmax so far of one query. */
struct running {
    float largest, sum;
};

template <int R>
__device__ inline void score_tile(float (&scores)[shape<R>::own], const float *q, const float *k) {
    for (int i = 0; i < shape<R>::own; i++) scores[i] = 0;
    const float *mine = k + lane_number() * shape<R>::pitch;
    for (int d = 0; d < shape<R>::width; d++) {
        const float key = mine[d];
        for (int i = 0; i < shape<R>::own; i++) scores[i] += q[i * shape<R>::width + d] * key;
    }
}

template <class T, int R>
__global__ void __launch_bounds__(THREADS, 2)
    attend(const sluice_attention args, const float scale, const draw d) {
    using S = shape<R>;
    SLUICE__DYNAMIC_SHARED(float, shared);
    float *const k = shared, *const v = k + TILE * S::pitch, *const queries = v + TILE * S::pitch;
    const share part     = share_of_block(args.length, S::owned);
    const head h         = head_at(args, part.head / args.heads, part.head % args.heads);
    const int64_t first  = part.first + warp_number() * S::own; /* query of this warp */
    const int64_t end    = min(args.length, part.first + S::owned);
    float *const q       = queries + warp_number() * S::own * S::width;
    float *const weights = queries + S::owned * S::width + warp_number() * S::own * TILE;
    const T *from        = elements<T>(args.qkv);
    load_rows<S::width>(queries, S::width, S::owned, from + h.q, h.in_stride, part.first,
                        args.length, args.head_width);
    float out[S::own][R] = {}, by[S::own] = {};
    running at[S::own];
    for (int i = 0; i < S::own; i++) at[i] = {-INFINITY, 0};
    for (int64_t key = 0; key < end; key += TILE) {
        __syncthreads(); /* the last tile may still be read */
        load_rows<S::width>(k, S::pitch, TILE, from + h.k, h.in_stride, key, args.length,
                            args.head_width);
        load_rows<S::width>(v, S::pitch, TILE, from + h.v, h.in_stride, key, args.length,
                            args.head_width);
        __syncthreads();
        if (first >= args.length || key >= first + S::own)
            continue; /* the whole warp sees nothing */
        float scores[S::own];
        score_tile<R>(scores, q, k);
        const int64_t mine = key + lane_number();
        for (int i = 0; i < S::own; i++) {
            const int64_t query = first + i;
            const bool seen     = mine <= query; /* zeros for queries that do not exist */
            const float score   = seen ? scores[i] * scale : -INFINITY;
            const float before = at[i].largest, now = fmaxf(before, warp_max(score));
            const float shrink = now > before ? expf(before - now) : 1;
            const float weight = seen ? expf(score - now) : 0;
            at[i]              = {now, at[i].sum * shrink + warp_sum(weight)};
            const float factor =
                d.kept > 0 ? factor_of(d, h.sample, probability_of(h, args.length, query, mine))
                           : 1;
            weights[i * TILE + lane_number()] = weight * factor;
            for (int r = 0; r < R; r++) out[i][r] *= shrink;
        }
        __syncwarp();
        add_tile<R, S::own>(out, weights, v, S::pitch);
    }
    for (int i = 0; i < S::own; i++) by[i] = at[i].sum > 0 ? 1 / at[i].sum : 0;
    store_rows<R, S::own>(elements<T>(args.out) + h.out, h.out_stride, out, by, first, args.length,
                          args.head_width);
    for (int i = 0; i < S::own && lane_number() == 0; i++)
        if (first + i < args.length) args.lse[h.rows + first + i] = at[i].largest + logf(at[i].sum);
}

template <class T, int R> cudaError_t launch(const sluice_attention *args, cudaStream_t stream) {
    const float scale = 1.0f / sqrtf(static_cast<float>(args->head_width));
    return SLUICE__LAUNCH((attend<T, R>),
                          blocks_of(args->samples, args->heads, args->length, shape<R>::owned),
                          THREADS, shape<R>::bytes, stream, *args, scale, draw_of(args->dropout));
}

template <class T> cudaError_t prepare() {
    cudaError_t error = ask_for_shared(attend<T, 1>, shape<1>::bytes);
    if (error == cudaSuccess) error = ask_for_shared(attend<T, 2>, shape<2>::bytes);
    if (error == cudaSuccess) error = ask_for_shared(attend<T, 4>, shape<4>::bytes);
    return error == cudaSuccess ? ask_for_shared(attend<T, 8>, shape<8>::bytes) : error;
}

} // namespace

cudaError_t sluice__prepare_attention(void) {
    const cudaError_t error = prepare<float>();
    return error == cudaSuccess ? prepare<bf16>() : error;
}

cudaError_t sluice__launch_attention(const sluice_attention *args, sluice_type type,
                                     cudaStream_t stream) {
    if (args->samples == 0 || args->length == 0 || args->heads == 0) return cudaSuccess;
    if (fits_tensor_cores(args->head_width, type, args->qkv, args->out, nullptr))
        return sluice__launch_attention_mma(args, stream);
    return for_type(type, [=](auto element) {
        using T = decltype(element);
        if (args->head_width <= 32) return launch<T, 1>(args, stream);
        if (args->head_width <= 64) return launch<T, 2>(args, stream);
        if (args->head_width <= 128) return launch<T, 4>(args, stream);
        return launch<T, 8>(args, stream);
    });
}
