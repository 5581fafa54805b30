/* SPDX-License-Identifier: MIT */
/* norm_backward.cu -- bound by memory: a warp per row for dx, a thread per column for the rest. */
#include "runtime/device/blocks.h"
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { WARPS = 4, THREADS = 128 };

/* dx may be the residual: each element is read and then written by one thread. RMS is the layernorm
 * of a row whose mean is constantly 0. */
template <class T, bool CENTRED>
__global__ void gradient_of_input(const sluice_norm_backward args) {
    const int64_t row = static_cast<int64_t>(blockIdx.x) * WARPS + warp_number();
    if (row >= args.rows) return; /* a whole warp, and no barrier follows */
    const int64_t width = args.width, at = row * width;
    const T *x = elements<T>(args.x) + at, *dy = elements<T>(args.dy) + at;
    const T *gain     = elements<T>(args.gain);
    const T *residual = args.residual ? elements<T>(args.residual) + at : nullptr;
    T *dx             = elements<T>(args.dx) + at;
    const float mean = CENTRED ? args.mean[row] : 0, rstd = args.rstd[row];
    float sum = 0, dot = 0;
    for (int64_t j = lane_number(); j < width; j += LANES) {
        const float g = dy[j] * gain[j];
        sum += g;
        dot += g * ((x[j] - mean) * rstd);
    }
    sum = CENTRED ? warp_sum(sum) / static_cast<float>(width) : 0;
    dot = warp_sum(dot) / static_cast<float>(width);
    for (int64_t j = lane_number(); j < width; j += LANES) {
        const float normalized = (x[j] - mean) * rstd;
        const float value      = (dy[j] * gain[j] - sum - normalized * dot) * rstd;
        dx[j]                  = residual ? residual[j] + value : value;
    }
}

template <class T, bool CENTRED>
__global__ void sum_rows(const sluice_norm_backward args, float *gains, float *biases) {
    const int64_t j = first_element(), block = blockIdx.y;
    if (j >= args.width) return;
    const T *x = elements<T>(args.x), *slopes = elements<T>(args.dy);
    const int64_t first = block * SLUICE__COLUMN_SUM_ROWS;
    const int64_t end   = min(args.rows, first + SLUICE__COLUMN_SUM_ROWS);
    float gain = 0, bias = 0;
    for (int64_t i = first; i < end; i++) {
        const float dy = slopes[i * args.width + j], mean = CENTRED ? args.mean[i] : 0;
        gain += dy * ((x[i * args.width + j] - mean) * args.rstd[i]);
        bias += dy;
    }
    gains[block * args.width + j] = gain;
    if (biases) biases[block * args.width + j] = bias;
}

template <class T, bool CENTRED>
cudaError_t launch_input(const sluice_norm_backward *args, cudaStream_t stream) {
    const unsigned blocks = static_cast<unsigned>((args->rows + WARPS - 1) / WARPS);
    return SLUICE__LAUNCH((gradient_of_input<T, CENTRED>), blocks, WARPS * LANES, 0, stream, *args);
}

template <class T, bool CENTRED>
cudaError_t launch_columns(const sluice_norm_backward *args, cudaStream_t stream) {
    const int64_t blocks = sluice__blocks(args->rows, SLUICE__COLUMN_SUM_ROWS);
    if (blocks > 65535) return cudaErrorInvalidConfiguration;
    const dim3 grid(grid_for(args->width, THREADS), static_cast<unsigned>(blocks));
    float *const gains  = static_cast<float *>(args->scratch);
    float *const biases = args->dbias ? gains + blocks * args->width : nullptr;
    return SLUICE__LAUNCH((sum_rows<T, CENTRED>), grid, THREADS, 0, stream, *args, gains, biases);
}

} // namespace

cudaError_t sluice__launch_norm_input(const sluice_norm_backward *args, sluice_type type,
                                      cudaStream_t stream) {
    if (args->rows == 0 || args->width == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        using T = decltype(element);
        return args->kind == SLUICE_NORM_RMS ? launch_input<T, false>(args, stream)
                                             : launch_input<T, true>(args, stream);
    });
}

cudaError_t sluice__launch_norm_columns(const sluice_norm_backward *args, sluice_type type,
                                        cudaStream_t stream) {
    if (args->rows == 0 || args->width == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        using T = decltype(element);
        return args->kind == SLUICE_NORM_RMS ? launch_columns<T, false>(args, stream)
                                             : launch_columns<T, true>(args, stream);
    });
}
