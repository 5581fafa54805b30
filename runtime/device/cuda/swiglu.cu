/* SPDX-License-Identifier: MIT */
/* swiglu.cu -- bound by memory: a gate and what goes through it, an element of the result per
 * thread. */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { THREADS = 256 };

__device__ inline float sigmoid(float x) {
    return 1.0f / (1.0f + expf(-x));
}

/* Where the gate of element `at` is in x; what goes through it is `hidden` further. */
__device__ inline int64_t gate_of(int64_t at, int64_t hidden) {
    return at + at / hidden * hidden;
}

template <class T> __global__ void gate(const sluice_swiglu args, int64_t count) {
    const T *x = elements<T>(args.x);
    for (int64_t at = first_element(); at < count; at += element_stride()) {
        const int64_t from      = gate_of(at, args.hidden);
        elements<T>(args.y)[at] = x[from] * sigmoid(x[from]) * x[from + args.hidden];
    }
}

/* With s the sigmoid of the gate: the slope of gate * s is s + gate * s * (1 - s). */
template <class T> __global__ void slope(const sluice_swiglu_backward args, int64_t count) {
    const T *x = elements<T>(args.x);
    T *dx      = elements<T>(args.dx);
    for (int64_t at = first_element(); at < count; at += element_stride()) {
        const int64_t from = gate_of(at, args.hidden);
        const float dy = elements<T>(args.dy)[at], s = sigmoid(x[from]), silu = x[from] * s;
        dx[from]               = dy * x[from + args.hidden] * (s + silu * (1.0f - s));
        dx[from + args.hidden] = dy * silu;
    }
}

} // namespace

cudaError_t sluice__launch_swiglu(const sluice_swiglu *args, sluice_type type,
                                  cudaStream_t stream) {
    const int64_t count = args->rows * args->hidden;
    if (count == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        return SLUICE__LAUNCH(gate<decltype(element)>, grid_for(count, THREADS), THREADS, 0, stream,
                              *args, count);
    });
}

cudaError_t sluice__launch_swiglu_backward(const sluice_swiglu_backward *args, sluice_type type,
                                           cudaStream_t stream) {
    const int64_t count = args->rows * args->hidden;
    if (count == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        return SLUICE__LAUNCH(slope<decltype(element)>, grid_for(count, THREADS), THREADS, 0,
                              stream, *args, count);
    });
}
