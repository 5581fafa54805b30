/* SPDX-License-Identifier: MIT */
/* layernorm_backward.cu -- bound by memory: a warp a row for dx, a thread a column for the rest. */
#include "runtime/device/blocks.h"
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { WARPS = 4, THREADS = 128 };

/* dx may be the residual: each element is read and then written by one thread. */
__global__ void gradient_of_input(const sluice_layernorm_backward args) {
    const int64_t row = static_cast<int64_t>(blockIdx.x) * WARPS + warp_number();
    if (row >= args.rows) return; /* a whole warp, and no barrier follows */
    const int64_t width = args.width, at = row * width;
    const float mean = args.mean[row], rstd = args.rstd[row];
    float sum = 0, dot = 0;
    for (int64_t j = lane_number(); j < width; j += LANES) {
        const float g = args.dy[at + j] * args.gain[j];
        sum += g;
        dot += g * ((args.x[at + j] - mean) * rstd);
    }
    sum = warp_sum(sum) / static_cast<float>(width);
    dot = warp_sum(dot) / static_cast<float>(width);
    for (int64_t j = lane_number(); j < width; j += LANES) {
        const float normalized = (args.x[at + j] - mean) * rstd;
        const float value      = (args.dy[at + j] * args.gain[j] - sum - normalized * dot) * rstd;
        args.dx[at + j]        = args.residual ? args.residual[at + j] + value : value;
    }
}

__global__ void sum_rows(const sluice_layernorm_backward args, float *gains, float *biases) {
    const int64_t j = first_element(), block = blockIdx.y;
    if (j >= args.width) return;
    const int64_t first = block * SLUICE__COLUMN_SUM_ROWS;
    const int64_t end   = min(args.rows, first + SLUICE__COLUMN_SUM_ROWS);
    float gain = 0, bias = 0;
    for (int64_t i = first; i < end; i++) {
        const float dy = args.dy[i * args.width + j];
        gain += dy * ((args.x[i * args.width + j] - args.mean[i]) * args.rstd[i]);
        bias += dy;
    }
    gains[block * args.width + j]  = gain;
    biases[block * args.width + j] = bias;
}

} // namespace

cudaError_t sluice__launch_layernorm_input(const sluice_layernorm_backward *args,
                                           cudaStream_t stream) {
    if (args->rows == 0 || args->width == 0) return cudaSuccess;
    const unsigned blocks = static_cast<unsigned>((args->rows + WARPS - 1) / WARPS);
    return SLUICE__LAUNCH(gradient_of_input, blocks, WARPS * LANES, 0, stream, *args);
}

cudaError_t sluice__launch_layernorm_columns(const sluice_layernorm_backward *args,
                                             cudaStream_t stream) {
    if (args->rows == 0 || args->width == 0) return cudaSuccess;
    const int64_t blocks = sluice__blocks(args->rows, SLUICE__COLUMN_SUM_ROWS);
    if (blocks > 65535) return cudaErrorInvalidConfiguration;
    const dim3 grid(grid_for(args->width, THREADS), static_cast<unsigned>(blocks));
    float *const gains = static_cast<float *>(args->scratch);
    return SLUICE__LAUNCH(sum_rows, grid, THREADS, 0, stream, *args, gains,
                          gains + blocks * args->width);
}
