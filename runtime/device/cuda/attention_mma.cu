/* SPDX-License-Identifier: MIT */
/*
 * attention_mma.cu -- bound by tensor cores and exponentials: causal attention in bf16 with an
 * online softmax (Dao 2023), for heads of 64 and 128 columns.
 *
 * Scores exist for (a warp's queries, a tile of keys) at a time, in registers. Each query has a
 * running maximum and sum; what was added up under a smaller maximum is scaled down when a larger
 * one appears. Weights are rounded to bf16 for their product with the values; their sum is not.
 */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/mma.cuh"

namespace {

enum { TILE = 64, N = TILE / 8 };

template <int D> constexpr size_t bytes_of = sizeof(bf16) * (OWNED + 2 * TILE) * pitch_of<D>;

/* The query of a tile's first row, and the key of its first column. */
struct corner {
    int64_t query, key;
};

/* The softmax so far of this lane's two queries. */
struct running {
    float largest[2], sum[2];
};

/* Scores become weights under the largest so far; `shrink`: of what was added up before. */
__device__ inline void soften(float (&s)[N][4], running &so_far, float (&shrink)[2],
                              const corner &at, float scale) {
    for (int half = 0; half < 2; half++) {
        const int64_t query = at.query + row_of(2 * half);
        float largest = so_far.largest[half], sum = 0;
        for (int n = 0; n < N; n++)
            for (int c = 2 * half; c < 2 * half + 2; c++) {
                if (at.key + column_of(n, c) > query) s[n][c] = -INFINITY;
                largest = fmaxf(largest, s[n][c]);
            }
        largest      = row_max(largest);
        shrink[half] = exp2f((so_far.largest[half] - largest) * scale * LOG2_E);
        for (int n = 0; n < N; n++)
            for (int c = 2 * half; c < 2 * half + 2; c++) {
                s[n][c] = exp2f((s[n][c] - largest) * scale * LOG2_E);
                sum += s[n][c];
            }
        so_far.largest[half] = largest;
        so_far.sum[half]     = so_far.sum[half] * shrink[half] + row_sum(sum);
    }
}

template <int D>
__global__ void __launch_bounds__(THREADS, 2)
    attend(const sluice_attention args, const float scale, const draw d) {
    SLUICE__DYNAMIC_SHARED(bf16, shared);
    bf16 *const k = shared, *const v = k + TILE * pitch_of<D>;
    bf16 *const queries = v + TILE * pitch_of<D>;
    const share part    = share_of_block(args.length, OWNED);
    const head h        = head_at(args, part.head / args.heads, part.head % args.heads);
    const int64_t first = part.first + warp_number() * OWN; /* query of this warp */
    const int64_t end   = min(args.length, part.first + OWNED);
    const bf16 *q       = queries + warp_number() * OWN * pitch_of<D>;
    const bf16 *from    = elements<bf16>(args.qkv);
    load_rows<D>(queries, OWNED, from + h.q, h.in_stride, part.first, args.length);
    float out[D / 8][4] = {}, by[2];
    running so_far      = {{-INFINITY, -INFINITY}, {0, 0}};
    for (int64_t key = 0; key < end; key += TILE) {
        __syncthreads(); /* the last tile may still be read */
        load_rows<D>(k, TILE, from + h.k, h.in_stride, key, args.length);
        load_rows<D>(v, TILE, from + h.v, h.in_stride, key, args.length);
        __syncthreads();
        if (first >= args.length || key >= first + OWN) continue; /* the whole warp sees nothing */
        float s[N][4], shrink[2];
        const corner at = {first, key};
        dot_rows<D, N>(s, q, k);
        soften(s, so_far, shrink, at, scale);
        if (d.kept > 0) drop_weights(s, d, h, args.length, first, key);
        for (int n = 0; n < D / 8; n++)
            for (int c = 0; c < 4; c++) out[n][c] *= shrink[c / 2];
        add_rows<D, N>(out, s, v);
    }
    for (int half = 0; half < 2; half++) by[half] = 1 / so_far.sum[half];
    store_rows<D>(elements<bf16>(args.out) + h.out, h.out_stride, out, by, first, args.length);
    for (int half = 0; half < 2 && lane_number() % 4 == 0; half++) {
        const int64_t query = first + row_of(2 * half);
        if (query < args.length)
            args.lse[h.rows + query] = so_far.largest[half] * scale + logf(so_far.sum[half]);
    }
}

template <int D> cudaError_t launch(const sluice_attention *args, cudaStream_t stream) {
    const float scale = 1.0f / sqrtf(static_cast<float>(D));
    return SLUICE__LAUNCH(attend<D>, blocks_of(args->samples, args->heads, args->length, OWNED),
                          THREADS, bytes_of<D>, stream, *args, scale, draw_of(args->dropout));
}

} // namespace

cudaError_t sluice__prepare_attention_mma(void) {
    const cudaError_t error = ask_for_shared(attend<64>, bytes_of<64>);
    return error == cudaSuccess ? ask_for_shared(attend<128>, bytes_of<128>) : error;
}

cudaError_t sluice__launch_attention_mma(const sluice_attention *args, cudaStream_t stream) {
    return args->head_width == 64 ? launch<64>(args, stream) : launch<128>(args, stream);
}
