/* SPDX-License-Identifier: MIT */
/* dropout.cu -- bound by arithmetic of integers: a thread draws for four elements. */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"
#include "runtime/device/cuda/random.cuh"

namespace {

enum { THREADS = 256 };

/* y may be x or the residual: each element is read and then written by one thread. */
template <class T>
__global__ void drop_elements(const sluice_drop args, const draw d, int64_t fours, int64_t count) {
    T *y       = elements<T>(args.y);
    const T *x = elements<T>(args.x), *residual = elements<T>(args.residual);
    for (int64_t at = first_element(); at < count; at += element_stride()) {
        const int64_t sample = at / fours, four = at % fours;
        uint32_t words[4] = {d.below, d.below, d.below, d.below};
        if (d.kept > 0) draw_words(words, d, sample, static_cast<uint64_t>(four));
        const float kept = d.kept > 0 ? d.kept : 1;
        for (int k = 0; k < 4 && 4 * four + k < args.elements; k++) {
            const int64_t e   = sample * args.elements + 4 * four + k;
            const float value = words[k] < d.below ? 0 : x[e] * kept;
            y[e]              = residual ? residual[e] + value : value;
        }
    }
}

} // namespace

cudaError_t sluice__launch_drop(const sluice_drop *args, sluice_type type, cudaStream_t stream) {
    const int64_t fours = (args->elements + 3) / 4, count = args->samples * fours;
    if (count == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        return SLUICE__LAUNCH(drop_elements<decltype(element)>, grid_for(count, THREADS), THREADS,
                              0, stream, *args, draw_of(args->dropout), fours, count);
    });
}
