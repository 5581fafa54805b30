/* SPDX-License-Identifier: MIT */
/*
 * attention_mma_backward.cu -- bound by tensor cores and exponentials: the gradient of attention in
 * bf16 for heads of 64 and 128 columns: dq by query, then dk and dv by key.
 *
 * Probabilities are recomputed from lse, once for dq and once for dk and dv, so that every element
 * has one writer: no atomics, the same bits each time. The block of a key and value head goes
 * through the query heads that share it in their order. Probabilities and slopes of scores are
 * rounded to bf16 for their products.
 */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/mma.cuh"

namespace {

/* Rows of a tile: fewer of wide heads, whose sums take most registers. */
template <int D> constexpr int tile_of = D > 64 ? 16 : 32;

/* Two sets of own rows, two tiles, lse and delta of a tile's queries. */
template <int D>
constexpr size_t bytes_of = sizeof(bf16) * (2 * OWNED + 2 * tile_of<D>)*pitch_of<D> +
                            sizeof(float) * 2 * tile_of<D>;

template <int D> struct shared_layout {
    bf16 *own_a, *own_b, *a, *b;
    float *lse, *delta;
};

template <int D> __device__ inline shared_layout<D> layout_at(bf16 *shared) {
    shared_layout<D> made = {};
    made.own_a            = shared;
    made.own_b            = made.own_a + OWNED * pitch_of<D>;
    made.a                = made.own_b + OWNED * pitch_of<D>;
    made.b                = made.a + tile_of<D> * pitch_of<D>;
    made.lse              = reinterpret_cast<float *>(made.b + tile_of<D> * pitch_of<D>);
    made.delta            = made.lse + tile_of<D>;
    return made;
}

__device__ inline float probability(float score, float lse, float scale) {
    return exp2f((score * scale - lse) * LOG2_E);
}

template <int D>
__global__ void __launch_bounds__(THREADS, 2)
    gradient_of_queries(const sluice_attention_backward args, const float *deltas,
                        const float scale, const draw d) {
    constexpr int TILE = tile_of<D>, N = TILE / 8;
    SLUICE__DYNAMIC_SHARED(bf16, shared);
    const shared_layout<D> at = layout_at<D>(shared);
    const share part          = share_of_block(args.length, OWNED);
    const head h              = head_at(args, part.head / args.heads, part.head % args.heads);
    const int64_t first       = part.first + warp_number() * OWN; /* query of this warp */
    const int64_t end         = min(args.length, part.first + OWNED);
    const int own             = warp_number() * OWN * pitch_of<D>;
    const bf16 *from          = elements<bf16>(args.qkv);
    load_rows<D>(at.own_a, OWNED, from + h.q, h.in_stride, part.first, args.length);
    load_rows<D>(at.own_b, OWNED, elements<bf16>(args.dout) + h.out, h.out_stride, part.first,
                 args.length);
    float dq[D / 8][4] = {}, lse[2], delta[2];
    for (int half = 0; half < 2; half++) {
        const int64_t query = first + row_of(2 * half);
        lse[half]           = query < args.length ? args.lse[h.rows + query] : 0;
        delta[half]         = query < args.length ? deltas[h.rows + query] : 0;
    }
    for (int64_t key = 0; key < end; key += TILE) {
        __syncthreads(); /* the last tile may still be read */
        load_rows<D>(at.a, TILE, from + h.k, h.in_stride, key, args.length);
        load_rows<D>(at.b, TILE, from + h.v, h.in_stride, key, args.length);
        __syncthreads();
        if (first >= args.length || key >= first + OWN) continue; /* the whole warp sees nothing */
        float s[N][4], slopes[N][4];
        dot_rows<D, N>(s, at.own_a + own, at.a);
        dot_rows<D, N>(slopes, at.own_b + own, at.b);
        if (d.kept > 0) drop_weights(slopes, d, h, args.length, first, key);
        for (int n = 0; n < N; n++)
            for (int c = 0; c < 4; c++) {
                const bool seen = key + column_of(n, c) <= first + row_of(c);
                const float p   = seen ? probability(s[n][c], lse[c / 2], scale) : 0;
                s[n][c]         = p * (slopes[n][c] - delta[c / 2]);
            }
        add_rows<D, N>(dq, s, at.a);
    }
    const float by[2] = {scale, scale};
    store_rows<D>(elements<bf16>(args.dqkv) + h.q, h.in_stride, dq, by, first, args.length);
}

/* A query head's tiles: what they add to the gradients of the block's keys and values. */
template <int D>
__device__ inline void add_head(float (&dk)[D / 8][4], float (&dv)[D / 8][4],
                                const sluice_attention_backward &args, const float *deltas,
                                const head &h, const shared_layout<D> &at, int64_t block_first,
                                float scale, const draw &d) {
    constexpr int TILE = tile_of<D>, N = TILE / 8;
    const int64_t first = block_first + warp_number() * OWN; /* key of this warp */
    const int own       = warp_number() * OWN * pitch_of<D>;
    for (int64_t query = block_first / TILE * TILE; query < args.length; query += TILE) {
        __syncthreads(); /* the last tile may still be read */
        load_rows<D>(at.a, TILE, elements<bf16>(args.qkv) + h.q, h.in_stride, query, args.length);
        load_rows<D>(at.b, TILE, elements<bf16>(args.dout) + h.out, h.out_stride, query,
                     args.length);
        load_row_sums(at.lse, at.delta, TILE, args.lse, deltas, h, query, args.length);
        __syncthreads();
        if (first >= args.length || query + TILE <= first) continue; /* none sees a whole warp's */
        float p[N][4], slopes[N][4];
        dot_rows<D, N>(p, at.own_a + own, at.a);
        dot_rows<D, N>(slopes, at.own_b + own, at.b);
        SLUICE__UNROLL for (int n = 0; n < N; n++) SLUICE__UNROLL for (int c = 0; c < 4; c++) {
            const int64_t key = first + row_of(c), mine = query + column_of(n, c);
            const bool sees = key <= mine && mine < args.length;
            const float factor =
                d.kept > 0 ? factor_of(d, h.sample, probability_of(h, args.length, mine, key)) : 1;
            p[n][c]      = sees ? probability(p[n][c], at.lse[column_of(n, c)], scale) : 0;
            slopes[n][c] = p[n][c] * (slopes[n][c] * factor - at.delta[column_of(n, c)]);
            p[n][c] *= factor;
        }
        add_rows<D, N>(dv, p, at.b);
        add_rows<D, N>(dk, slopes, at.a);
    }
}

template <int D>
__global__ void __launch_bounds__(THREADS, 2)
    gradient_of_keys(const sluice_attention_backward args, const float *deltas, const float scale,
                     const draw d) {
    SLUICE__DYNAMIC_SHARED(bf16, shared);
    const shared_layout<D> at = layout_at<D>(shared);
    const share part          = share_of_block(args.length, OWNED);
    const int64_t group       = args.heads / args.kv_heads;
    const int64_t sample = part.head / args.kv_heads, begin = part.head % args.kv_heads * group;
    const head h        = head_at(args, sample, begin);
    const int64_t first = part.first + warp_number() * OWN; /* key of this warp */
    const bf16 *from    = elements<bf16>(args.qkv);
    load_rows<D>(at.own_a, OWNED, from + h.k, h.in_stride, part.first, args.length);
    load_rows<D>(at.own_b, OWNED, from + h.v, h.in_stride, part.first, args.length);
    float dk[D / 8][4] = {}, dv[D / 8][4] = {};
    for (int64_t n = 0; n < group; n++)
        add_head<D>(dk, dv, args, deltas, head_at(args, sample, begin + n), at, part.first, scale,
                    d);
    const float by[2] = {scale, scale}, one[2] = {1, 1};
    bf16 *const to = elements<bf16>(args.dqkv);
    store_rows<D>(to + h.k, h.in_stride, dk, by, first, args.length);
    store_rows<D>(to + h.v, h.in_stride, dv, one, first, args.length);
}

template <int D>
cudaError_t launch(const sluice_attention_backward *args, const float *delta, cudaStream_t stream) {
    const float scale       = 1.0f / sqrtf(static_cast<float>(D));
    const draw d            = draw_of(args->dropout);
    const unsigned queries  = blocks_of(args->samples, args->heads, args->length, OWNED);
    const unsigned keys     = blocks_of(args->samples, args->kv_heads, args->length, OWNED);
    const cudaError_t error = SLUICE__LAUNCH(gradient_of_queries<D>, queries, THREADS, bytes_of<D>,
                                             stream, *args, delta, scale, d);
    if (error != cudaSuccess) return error;
    return SLUICE__LAUNCH(gradient_of_keys<D>, keys, THREADS, bytes_of<D>, stream, *args, delta,
                          scale, d);
}

template <int D> cudaError_t prepare() {
    const cudaError_t error = ask_for_shared(gradient_of_queries<D>, bytes_of<D>);
    return error == cudaSuccess ? ask_for_shared(gradient_of_keys<D>, bytes_of<D>) : error;
}

} // namespace

cudaError_t sluice__prepare_attention_mma_backward(void) {
    const cudaError_t error = prepare<64>();
    return error == cudaSuccess ? prepare<128>() : error;
}

cudaError_t sluice__launch_attention_mma_backward(const sluice_attention_backward *args,
                                                  const float *delta, cudaStream_t stream) {
    return args->head_width == 64 ? launch<64>(args, delta, stream)
                                  : launch<128>(args, delta, stream);
}
