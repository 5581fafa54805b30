/* SPDX-License-Identifier: MIT */
/* norm.cu -- bound by memory: a warp per row, which it reads three times, mostly from cache. */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { WARPS = 4 };

/* RMS is the layernorm of a row whose mean is 0. */
template <class T, bool CENTRED> __global__ void normalize(const sluice_norm args) {
    const int64_t row = static_cast<int64_t>(blockIdx.x) * WARPS + warp_number();
    if (row >= args.rows) return; /* a whole warp, and no barrier follows */
    const int64_t width = args.width;
    const T *x = elements<T>(args.x) + row * width, *gain = elements<T>(args.gain);
    const T *bias = elements<T>(args.bias);
    T *y          = elements<T>(args.y) + row * width;
    float sum = 0, squares = 0;
    for (int64_t j = lane_number(); CENTRED && j < width; j += LANES) sum += x[j];
    const float mean = CENTRED ? warp_sum(sum) / static_cast<float>(width) : 0;
    for (int64_t j = lane_number(); j < width; j += LANES) squares += (x[j] - mean) * (x[j] - mean);
    const float variance = warp_sum(squares) / static_cast<float>(width);
    const float rstd     = 1.0f / sqrtf(variance + args.epsilon);
    for (int64_t j = lane_number(); j < width; j += LANES)
        y[j] = (x[j] - mean) * rstd * gain[j] + (bias ? static_cast<float>(bias[j]) : 0);
    if (lane_number() > 0) return;
    if (CENTRED) args.mean[row] = mean;
    args.rstd[row] = rstd;
}

template <class T, bool CENTRED> cudaError_t launch(const sluice_norm *args, cudaStream_t stream) {
    const unsigned blocks = static_cast<unsigned>((args->rows + WARPS - 1) / WARPS);
    return SLUICE__LAUNCH((normalize<T, CENTRED>), blocks, WARPS * LANES, 0, stream, *args);
}

} // namespace

cudaError_t sluice__launch_norm(const sluice_norm *args, sluice_type type, cudaStream_t stream) {
    if (args->rows == 0 || args->width == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        using T = decltype(element);
        return args->kind == SLUICE_NORM_RMS ? launch<T, false>(args, stream)
                                             : launch<T, true>(args, stream);
    });
}
