/* SPDX-License-Identifier: MIT */
/*
 * embedding_backward.cu -- bound by latency: each element of the tables has one thread that adds to
 * it, in order of rows, so that there are no atomics and the bits repeat.
 *
 * A block owns some columns of those tokens whose number has its remainder; it goes through all
 * rows and takes those of its tokens.
 */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { THREADS = 64, PARTS = 32 };

template <class T> __global__ void scatter(const sluice_embedding_backward args, int64_t rows) {
    SLUICE__SHARED(int32_t, tokens, THREADS);
    const int64_t j = first_element();
    const T *dy     = elements<T>(args.dy);
    for (int64_t first = 0; first < rows; first += THREADS) {
        const int64_t mine = first + threadIdx.x;
        __syncthreads(); /* the last tokens may still be read */
        tokens[threadIdx.x] = mine < rows ? args.tokens[mine] : -1;
        __syncthreads();
        for (int i = 0; i < THREADS && j < args.width; i++) {
            const int64_t token = tokens[i];
            if (token < 0 || token >= args.vocabulary || token % PARTS != blockIdx.y) continue;
            args.dtable[token * args.width + j] += dy[(first + i) * args.width + j];
        }
    }
}

template <class T> __global__ void add_positions(const sluice_embedding_backward args) {
    const int64_t j = first_element();
    const T *dy     = elements<T>(args.dy);
    if (j >= args.width) return;
    for (int64_t t = blockIdx.y; t < args.length; t += gridDim.y) {
        float sum = args.dpositions[t * args.width + j];
        for (int64_t s = 0; s < args.samples; s++)
            sum += dy[(s * args.length + t) * args.width + j];
        args.dpositions[t * args.width + j] = sum;
    }
}

} // namespace

cudaError_t sluice__launch_embedding_backward(const sluice_embedding_backward *args,
                                              sluice_type type, cudaStream_t stream) {
    const int64_t rows = args->samples * args->length;
    if (rows == 0 || args->width == 0) return cudaSuccess;
    const unsigned columns   = grid_for(args->width, THREADS);
    const unsigned positions = static_cast<unsigned>(args->length < 65535 ? args->length : 65535);
    return for_type(type, [=](auto element) {
        using T = decltype(element);
        const cudaError_t error =
            SLUICE__LAUNCH(scatter<T>, dim3(columns, PARTS), THREADS, 0, stream, *args, rows);
        if (error != cudaSuccess || !args->dpositions) return error;
        return SLUICE__LAUNCH(add_positions<T>, dim3(columns, positions), THREADS, 0, stream,
                              *args);
    });
}
