/* SPDX-License-Identifier: MIT */
/* column_sum.cu -- bound by memory: sums over rows, in blocks fixed by the shape, a thread per
 * column; then over the blocks. */
#include "runtime/device/blocks.h"
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { THREADS = 128, SHARES = 8 /* warps that share a column of partial sums */ };

template <class T>
__global__ void sum_rows(float *partials, const T *x, int64_t rows, int64_t columns) {
    const int64_t j = first_element(), block = blockIdx.y;
    if (j >= columns) return;
    const int64_t first = block * SLUICE__COLUMN_SUM_ROWS;
    const int64_t end   = min(rows, first + SLUICE__COLUMN_SUM_ROWS);
    float sum           = 0;
    for (int64_t i = first; i < end; i++) sum += x[i * columns + j];
    partials[block * columns + j] = sum;
}

/* A block per 32 columns: its warps share the partial sums of a column, and are added in order. */
__global__ void sum_blocks(float *out, const float *partials, int64_t blocks, int64_t columns,
                           bool first_write) {
    SLUICE__SHARED(float, shares, SHARES *LANES);
    const int64_t j = static_cast<int64_t>(blockIdx.x) * LANES + lane_number();
    float sum       = 0;
    for (int64_t b = warp_number(); b < blocks && j < columns; b += SHARES)
        sum += partials[b * columns + j];
    shares[threadIdx.x] = sum;
    __syncthreads();
    if (warp_number() > 0 || j >= columns) return;
    for (int w = 1; w < SHARES; w++) sum += shares[w * LANES + lane_number()];
    out[j] = first_write ? sum : out[j] + sum;
}

} // namespace

cudaError_t sluice__launch_column_sums(float *partials, const void *x, int64_t rows,
                                       int64_t columns, sluice_type type, cudaStream_t stream) {
    if (rows == 0 || columns == 0) return cudaSuccess;
    const int64_t blocks = sluice__blocks(rows, SLUICE__COLUMN_SUM_ROWS);
    if (blocks > 65535) return cudaErrorInvalidConfiguration;
    const dim3 grid(grid_for(columns, THREADS), static_cast<unsigned>(blocks));
    return for_type(type, [=](auto element) {
        using T = decltype(element);
        return SLUICE__LAUNCH(sum_rows<T>, grid, THREADS, 0, stream, partials,
                              static_cast<const T *>(x), rows, columns);
    });
}

cudaError_t sluice__launch_add_partials(float *out, const float *partials, int64_t blocks,
                                        int64_t columns, bool first_write, cudaStream_t stream) {
    if (columns == 0) return cudaSuccess;
    return SLUICE__LAUNCH(sum_blocks, grid_for(columns, LANES), SHARES * LANES, 0, stream, out,
                          partials, blocks, columns, first_write);
}
