/* SPDX-License-Identifier: MIT */
/* embedding.cu -- bound by memory: rows of two tables are added, a thread per column. */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { THREADS = 128 };

/* The check has noted a token outside the table, which must only do no harm here. */
template <class T> __global__ void add_rows(const sluice_embedding args, int64_t rows) {
    const int64_t j = first_element();
    if (j >= args.width) return;
    T *y           = elements<T>(args.y);
    const T *table = elements<T>(args.table), *positions = elements<T>(args.positions);
    for (int64_t i = blockIdx.y; i < rows; i += gridDim.y) {
        const int64_t token   = args.tokens[i];
        const bool there      = token >= 0 && token < args.vocabulary;
        const float row       = there ? static_cast<float>(table[token * args.width + j]) : 0;
        y[i * args.width + j] = positions ? row + positions[i % args.length * args.width + j] : row;
    }
}

} // namespace

cudaError_t sluice__launch_embedding(const sluice_embedding *args, sluice_type type,
                                     cudaStream_t stream) {
    const int64_t rows = args->samples * args->length;
    if (rows == 0 || args->width == 0) return cudaSuccess;
    const dim3 grid(grid_for(args->width, THREADS),
                    static_cast<unsigned>(rows < 65535 ? rows : 65535));
    return for_type(type, [=](auto element) {
        return SLUICE__LAUNCH(add_rows<decltype(element)>, grid, THREADS, 0, stream, *args, rows);
    });
}
