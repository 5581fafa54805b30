/* SPDX-License-Identifier: MIT */
/*
 * elements.cuh -- the elements of a tensor of the type of the table of operations: floats, or bf16.
 *
 * A kernel is written once, for elements of type T that read as floats and round what is stored in
 * them to nearest, ties to even; for_type() launches that of the table's type.
 */
#ifndef SLUICE_DEVICE_CUDA_ELEMENTS_CUH
#define SLUICE_DEVICE_CUDA_ELEMENTS_CUH

#include "runtime/device/cuda/portable.h"
#include "sluice/tensor.h"

/* The upper half of a float. */
struct bf16 {
    uint16_t bits;

    __device__ operator float() const {
        return __uint_as_float(static_cast<unsigned>(bits) << 16);
    }
    __device__ bf16 &operator=(float value) {
        bits = sluice__bf16_bits(value);
        return *this;
    }
};

template <class T> __device__ inline const T *elements(const void *tensor) {
    return static_cast<const T *>(tensor);
}

template <class T> __device__ inline T *elements(void *tensor) {
    return static_cast<T *>(tensor);
}

/* action(T()) for elements of the type. */
template <class Action> static inline cudaError_t for_type(sluice_type type, Action action) {
    return type == SLUICE_TYPE_BF16 ? action(bf16()) : action(float());
}

#endif
