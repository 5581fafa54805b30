/* SPDX-License-Identifier: MIT */
/* layernorm.cu -- bound by memory: a warp a row, which it reads three times, mostly from cache. */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { WARPS = 4 };

__global__ void normalize(const sluice_layernorm args) {
    const int64_t row = static_cast<int64_t>(blockIdx.x) * WARPS + warp_number();
    if (row >= args.rows) return; /* a whole warp, and no barrier follows */
    const int64_t width = args.width;
    const float *x      = args.x + row * width;
    float *y            = args.y + row * width;
    float sum = 0, squares = 0;
    for (int64_t j = lane_number(); j < width; j += LANES) sum += x[j];
    const float mean = warp_sum(sum) / static_cast<float>(width);
    for (int64_t j = lane_number(); j < width; j += LANES) squares += (x[j] - mean) * (x[j] - mean);
    const float variance = warp_sum(squares) / static_cast<float>(width);
    const float rstd     = 1.0f / sqrtf(variance + 1e-5f);
    for (int64_t j = lane_number(); j < width; j += LANES)
        y[j] = (x[j] - mean) * rstd * args.gain[j] + args.bias[j];
    if (lane_number() > 0) return;
    args.mean[row] = mean;
    args.rstd[row] = rstd;
}

} // namespace

cudaError_t sluice__launch_layernorm(const sluice_layernorm *args, cudaStream_t stream) {
    if (args->rows == 0 || args->width == 0) return cudaSuccess;
    const unsigned blocks = static_cast<unsigned>((args->rows + WARPS - 1) / WARPS);
    return SLUICE__LAUNCH(normalize, blocks, WARPS * LANES, 0, stream, *args);
}
