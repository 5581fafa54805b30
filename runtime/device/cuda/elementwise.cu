/* SPDX-License-Identifier: MIT */
/* elementwise.cu -- bound by memory: flat arrays, an element per thread. */
#include "runtime/device/cuda/kernels.h"
#include "runtime/device/cuda/lanes.cuh"

namespace {

enum { THREADS = 256 };

template <class T> __global__ void keep_positive(T *y, const T *x, const T *where, int64_t count) {
    for (int64_t i = first_element(); i < count; i += element_stride())
        y[i] = where[i] > 0 ? static_cast<float>(x[i]) : 0;
}

/* A kernel's parameter: 2 of the 4 KiB that every device has for them. */
struct terms {
    const float *at[SLUICE__CUDA_SUM_TERMS];
};

/* out may be any of the terms: each element is read and then written by one thread. */
__global__ void add_terms(float *out, const terms inputs, int count, int64_t elements) {
    for (int64_t i = first_element(); i < elements; i += element_stride()) {
        float sum = inputs.at[0][i];
        for (int t = 1; t < count; t++) sum += inputs.at[t][i];
        out[i] = sum;
    }
}

template <class T> __global__ void scale_elements(T *x, float by, int64_t count) {
    for (int64_t i = first_element(); i < count; i += element_stride()) x[i] = x[i] * by;
}

} // namespace

cudaError_t sluice__launch_keep_positive(void *y, const void *x, const void *where, int64_t count,
                                         sluice_type type, cudaStream_t stream) {
    if (count == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        using T = decltype(element);
        return SLUICE__LAUNCH(keep_positive<T>, grid_for(count, THREADS), THREADS, 0, stream,
                              static_cast<T *>(y), static_cast<const T *>(x),
                              static_cast<const T *>(where), count);
    });
}

cudaError_t sluice__launch_sum(float *out, const float *const *inputs, int count, int64_t elements,
                               cudaStream_t stream) {
    if (elements == 0) return cudaSuccess;
    terms given = {};
    for (int t = 0; t < count; t++) given.at[t] = inputs[t];
    return SLUICE__LAUNCH(add_terms, grid_for(elements, THREADS), THREADS, 0, stream, out, given,
                          count, elements);
}

cudaError_t sluice__launch_scale(void *x, float by, int64_t count, sluice_type type,
                                 cudaStream_t stream) {
    if (count == 0) return cudaSuccess;
    return for_type(type, [=](auto element) {
        using T = decltype(element);
        return SLUICE__LAUNCH(scale_elements<T>, grid_for(count, THREADS), THREADS, 0, stream,
                              static_cast<T *>(x), by, count);
    });
}
