/* SPDX-License-Identifier: MIT */
/* rotary.cu -- bound by memory: queries and keys turned by their positions, a thread for a pair of
 * elements in all heads of a row. */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { THREADS = 128 };

template <class T>
__global__ void turn(const sluice_rotary args, const sluice__cuda_rotary_table table,
                     int64_t count) {
    const int64_t width = args.head_width, half = width / 2, heads = args.heads + args.kv_heads;
    for (int64_t at = first_element(); at < count; at += element_stride()) {
        const int64_t row = at / half, pair = at % half;
        const double position = static_cast<double>(args.first_position + row % args.length);
        const double angle    = position * table.frequencies[pair];
        double exact_sine, exact_cosine; /* of angle / pi: without an array for large angles */
        sluice__sincospi(angle * 0.31830988618379067154, &exact_sine, &exact_cosine);
        const float cosine = static_cast<float>(exact_cosine);
        const float sine   = static_cast<float>(args.inverse ? -exact_sine : exact_sine);
        T *first           = elements<T>(args.qkv) + row * (heads + args.kv_heads) * width + pair;
        for (int64_t h = 0; h < heads; h++, first += width) {
            const float x = first[0], y = first[half];
            first[0]    = x * cosine - y * sine;
            first[half] = y * cosine + x * sine;
        }
    }
}

} // namespace

cudaError_t sluice__launch_rotary(const sluice_rotary *args, const sluice__cuda_rotary_table *table,
                                  sluice_type type, cudaStream_t stream) {
    const int64_t count = args->samples * args->length * (args->head_width / 2);
    if (count == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        return SLUICE__LAUNCH(turn<decltype(element)>, grid_for(count, THREADS), THREADS, 0, stream,
                              *args, *table, count);
    });
}
