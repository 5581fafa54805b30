/* SPDX-License-Identifier: MIT */
/*
 * attention_backward.cu -- bound by reads of shared memory: dq by query, then dk and dv by key.
 *
 * Probabilities are recomputed from lse, once for dq and once for dk and dv, so that every element
 * has one writer: no atomics, the same bits each time. The block of a key and value head goes
 * through the query heads that share it in their order. delta = sum over a row of dout * out.
 */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/random.cuh"
#include "runtime/device/cuda/tile.cuh"

namespace {

/* Columns in 32s, and rows of a warp: fewer of the widest, which must fit into shared memory. */
template <int R> struct shape {
    static constexpr int own = R < 8 ? 4 : 2, width = LANES * R, pitch = width + 1;
    static constexpr int owned = WARPS * own;
    static constexpr size_t bytes =
        sizeof(float) * (2 * TILE * pitch + 2 * owned * width + 2 * owned * TILE + 2 * TILE);
};

/* A block's shared memory: two tiles, two sets of own rows, two sets of weights. */
template <int R> struct shared_layout {
    float *a, *b;          /* tiles */
    float *own_a, *own_b;  /* the block's own rows */
    float *first, *second; /* of this warp: (own, TILE) */
    float *lse, *delta;    /* of a tile's queries */
};

template <int R> __device__ inline shared_layout<R> layout_at(float *shared) {
    using S               = shape<R>;
    shared_layout<R> made = {};
    made.a                = shared;
    made.b                = made.a + TILE * S::pitch;
    made.own_a            = made.b + TILE * S::pitch;
    made.own_b            = made.own_a + S::owned * S::width;
    made.first            = made.own_b + S::owned * S::width + warp_number() * S::own * TILE;
    made.second           = made.first + S::owned * TILE;
    made.lse              = made.own_b + S::owned * (S::width + 2 * TILE);
    made.delta            = made.lse + TILE;
    return made;
}

/* Dot products of the warp's own rows with the tile's row of this lane, for both pairs. */
template <int R>
__device__ inline void dots(float (&a)[shape<R>::own], float (&b)[shape<R>::own],
                            const shared_layout<R> &at) {
    using S       = shape<R>;
    const int own = warp_number() * S::own * S::width, mine = lane_number() * S::pitch;
    for (int i = 0; i < S::own; i++) a[i] = b[i] = 0;
    for (int d = 0; d < S::width; d++) {
        const float in_a = at.a[mine + d], in_b = at.b[mine + d];
        for (int i = 0; i < S::own; i++) {
            a[i] += at.own_a[own + i * S::width + d] * in_a;
            b[i] += at.own_b[own + i * S::width + d] * in_b;
        }
    }
}

/* delta (samples, heads, length), a warp per element. */
template <class T>
__global__ void make_delta(const sluice_attention_backward args, float *delta, int64_t count) {
    const int64_t at = static_cast<int64_t>(blockIdx.x) * WARPS + warp_number();
    if (at >= count) return; /* a whole warp, and no barrier follows */
    const int64_t index = at / args.length, query = at % args.length;
    const int64_t row   = (index / args.heads * args.length + query) * args.heads;
    const int64_t first = (row + index % args.heads) * args.head_width;
    const T *out = elements<T>(args.out) + first, *dout = elements<T>(args.dout) + first;
    float sum = 0;
    for (int64_t j = lane_number(); j < args.head_width; j += LANES) sum += dout[j] * out[j];
    sum = warp_sum(sum);
    if (lane_number() == 0) delta[at] = sum;
}

template <class T, int R>
__global__ void __launch_bounds__(THREADS, 2)
    gradient_of_queries(const sluice_attention_backward args, const float *deltas,
                        const float scale, const draw d) {
    using S = shape<R>;
    SLUICE__DYNAMIC_SHARED(float, shared);
    const shared_layout<R> at = layout_at<R>(shared);
    const share part          = share_of_block(args.length, S::owned);
    const head h              = head_at(args, part.head / args.heads, part.head % args.heads);
    const int64_t first       = part.first + warp_number() * S::own; /* query of this warp */
    const int64_t end         = min(args.length, part.first + S::owned);
    const T *from             = elements<T>(args.qkv);
    load_rows<S::width>(at.own_a, S::width, S::owned, from + h.q, h.in_stride, part.first,
                        args.length, args.head_width);
    load_rows<S::width>(at.own_b, S::width, S::owned, elements<T>(args.dout) + h.out, h.out_stride,
                        part.first, args.length, args.head_width);
    float dq[S::own][R] = {}, by[S::own], lse[S::own], delta[S::own];
    for (int i = 0; i < S::own; i++) {
        const bool there = first + i < args.length;
        lse[i]           = there ? args.lse[h.rows + first + i] : 0;
        delta[i]         = there ? deltas[h.rows + first + i] : 0;
        by[i]            = scale;
    }
    for (int64_t key = 0; key < end; key += TILE) {
        __syncthreads(); /* the last tile may still be read */
        load_rows<S::width>(at.a, S::pitch, TILE, from + h.k, h.in_stride, key, args.length,
                            args.head_width);
        load_rows<S::width>(at.b, S::pitch, TILE, from + h.v, h.in_stride, key, args.length,
                            args.head_width);
        __syncthreads();
        if (first >= args.length || key >= first + S::own)
            continue; /* the whole warp sees nothing */
        float scores[S::own], slopes[S::own];
        dots<R>(scores, slopes, at);
        const int64_t mine = key + lane_number();
        for (int i = 0; i < S::own; i++) {
            const int64_t query = first + i;
            const float p       = mine <= query ? expf(scores[i] * scale - lse[i]) : 0;
            const float factor =
                d.kept > 0 ? factor_of(d, h.sample, probability_of(h, args.length, query, mine))
                           : 1;
            at.first[i * TILE + lane_number()] = p * (slopes[i] * factor - delta[i]);
        }
        __syncwarp();
        add_tile<R, S::own>(dq, at.first, at.a, S::pitch);
    }
    store_rows<R, S::own>(elements<T>(args.dqkv) + h.q, h.in_stride, dq, by, first, args.length,
                          args.head_width);
}

/* A query head's tiles: what they add to the gradients of the block's keys and values. */
template <class T, int R>
__device__ inline void add_head(float (&dk)[shape<R>::own][R], float (&dv)[shape<R>::own][R],
                                const sluice_attention_backward &args, const float *deltas,
                                const head &h, const shared_layout<R> &at, int64_t block_first,
                                float scale, const draw &d) {
    using S             = shape<R>;
    const int64_t first = block_first + warp_number() * S::own; /* key of this warp */
    for (int64_t query = block_first / TILE * TILE; query < args.length; query += TILE) {
        __syncthreads(); /* the last tile may still be read */
        load_rows<S::width>(at.a, S::pitch, TILE, elements<T>(args.qkv) + h.q, h.in_stride, query,
                            args.length, args.head_width);
        load_rows<S::width>(at.b, S::pitch, TILE, elements<T>(args.dout) + h.out, h.out_stride,
                            query, args.length, args.head_width);
        load_row_sums(at.lse, at.delta, TILE, args.lse, deltas, h, query, args.length);
        __syncthreads();
        if (first >= args.length || query + TILE <= first) continue; /* none sees a whole warp's */
        float scores[S::own], slopes[S::own];
        dots<R>(scores, slopes, at);
        const int64_t mine = query + lane_number();
        for (int i = 0; i < S::own; i++) {
            const int64_t key = first + i;
            const bool sees   = key <= mine && mine < args.length;
            const float p     = sees ? expf(scores[i] * scale - at.lse[lane_number()]) : 0;
            const float factor =
                d.kept > 0 ? factor_of(d, h.sample, probability_of(h, args.length, mine, key)) : 1;
            at.first[i * TILE + lane_number()] = p * factor;
            at.second[i * TILE + lane_number()] =
                p * (slopes[i] * factor - at.delta[lane_number()]);
        }
        __syncwarp();
        add_tile<R, S::own>(dv, at.first, at.b, S::pitch);
        add_tile<R, S::own>(dk, at.second, at.a, S::pitch);
    }
}

template <class T, int R>
__global__ void __launch_bounds__(THREADS, 2)
    gradient_of_keys(const sluice_attention_backward args, const float *deltas, const float scale,
                     const draw d) {
    using S = shape<R>;
    SLUICE__DYNAMIC_SHARED(float, shared);
    const shared_layout<R> at = layout_at<R>(shared);
    const share part          = share_of_block(args.length, S::owned);
    const int64_t group       = args.heads / args.kv_heads;
    const int64_t sample = part.head / args.kv_heads, begin = part.head % args.kv_heads * group;
    const head h        = head_at(args, sample, begin);
    const int64_t first = part.first + warp_number() * S::own; /* key of this warp */
    load_rows<S::width>(at.own_a, S::width, S::owned, elements<T>(args.qkv) + h.k, h.in_stride,
                        part.first, args.length, args.head_width);
    load_rows<S::width>(at.own_b, S::width, S::owned, elements<T>(args.qkv) + h.v, h.in_stride,
                        part.first, args.length, args.head_width);
    float dk[S::own][R] = {}, dv[S::own][R] = {}, by[S::own], one[S::own];
    for (int i = 0; i < S::own; i++) by[i] = scale, one[i] = 1;
    for (int64_t n = 0; n < group; n++)
        add_head<T, R>(dk, dv, args, deltas, head_at(args, sample, begin + n), at, part.first,
                       scale, d);
    T *const to = elements<T>(args.dqkv);
    store_rows<R, S::own>(to + h.k, h.in_stride, dk, by, first, args.length, args.head_width);
    store_rows<R, S::own>(to + h.v, h.in_stride, dv, one, first, args.length, args.head_width);
}

template <class T>
cudaError_t launch_delta(const sluice_attention_backward *args, cudaStream_t stream) {
    const int64_t rows    = args->samples * args->heads * args->length;
    const unsigned blocks = static_cast<unsigned>((rows + WARPS - 1) / WARPS);
    return SLUICE__LAUNCH(make_delta<T>, blocks, THREADS, 0, stream, *args,
                          static_cast<float *>(args->scratch), rows);
}

template <class T, int R>
cudaError_t launch(const sluice_attention_backward *args, cudaStream_t stream) {
    const float scale        = 1.0f / sqrtf(static_cast<float>(args->head_width));
    const float *const delta = static_cast<const float *>(args->scratch);
    const draw d             = draw_of(args->dropout);
    const unsigned queries   = blocks_of(args->samples, args->heads, args->length, shape<R>::owned);
    const unsigned keys = blocks_of(args->samples, args->kv_heads, args->length, shape<R>::owned);
    const cudaError_t error = SLUICE__LAUNCH((gradient_of_queries<T, R>), queries, THREADS,
                                             shape<R>::bytes, stream, *args, delta, scale, d);
    if (error != cudaSuccess) return error;
    return SLUICE__LAUNCH((gradient_of_keys<T, R>), keys, THREADS, shape<R>::bytes, stream, *args,
                          delta, scale, d);
}

template <class T, int R> cudaError_t prepare_width() {
    const cudaError_t error = ask_for_shared(gradient_of_queries<T, R>, shape<R>::bytes);
    return error == cudaSuccess ? ask_for_shared(gradient_of_keys<T, R>, shape<R>::bytes) : error;
}

template <class T> cudaError_t prepare() {
    cudaError_t error = prepare_width<T, 1>();
    if (error == cudaSuccess) error = prepare_width<T, 2>();
    if (error == cudaSuccess) error = prepare_width<T, 4>();
    return error == cudaSuccess ? prepare_width<T, 8>() : error;
}

} // namespace

cudaError_t sluice__prepare_attention_backward(void) {
    const cudaError_t error = prepare<float>();
    return error == cudaSuccess ? prepare<bf16>() : error;
}

cudaError_t sluice__launch_attention_backward(const sluice_attention_backward *args,
                                              sluice_type type, cudaStream_t stream) {
    if (args->samples == 0 || args->length == 0 || args->heads == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        using T                 = decltype(element);
        const cudaError_t error = launch_delta<T>(args, stream);
        if (error != cudaSuccess) return error;
        if (fits_tensor_cores(args->head_width, type, args->qkv, args->dout, args->dqkv))
            return sluice__launch_attention_mma_backward(
                args, static_cast<const float *>(args->scratch), stream);
        if (args->head_width <= 32) return launch<T, 1>(args, stream);
        if (args->head_width <= 64) return launch<T, 2>(args, stream);
        if (args->head_width <= 128) return launch<T, 4>(args, stream);
        return launch<T, 8>(args, stream);
    });
}
