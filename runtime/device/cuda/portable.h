/* SPDX-License-Identifier: MIT */
/*
 * portable.h -- the one header a kernel includes: what nvcc and the emulation's g++ spell
 * differently.
 *
 * A kernel is written in CUDA C++ with three macros from here:
 *   SLUICE__LAUNCH(kernel, grid, block, shared_bytes, stream, arguments...)
 *   SLUICE__SHARED(float, shared, 32);     instead of __shared__
 *   SLUICE__DYNAMIC_SHARED(float, rows);    the launch's shared_bytes, 16-byte aligned
 * and sluice__sincospi(x, &sine, &cosine), of pi * x, and sluice__bf16_bits(x), the nearest bf16.
 * A launch is a cudaError_t: the launch's own failure, or an earlier one of this thread that was
 * not cleared. A template kernel with commas in its name goes in parentheses.
 */
#ifndef SLUICE_DEVICE_CUDA_PORTABLE_H
#define SLUICE_DEVICE_CUDA_PORTABLE_H

#include <cuda_runtime.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#ifdef __CUDACC__

#define SLUICE__SHARED(type, name, count) __shared__ type name[count]
#define SLUICE__DYNAMIC_SHARED(type, name)                                                         \
    extern __shared__ __align__(16) unsigned char sluice__dynamic_shared[];                        \
    type *const name = reinterpret_cast<type *>(sluice__dynamic_shared)

template <class... Parameters, class... Arguments>
[[nodiscard]] static inline cudaError_t
sluice__launch(const char *, void (*kernel)(Parameters...), dim3 grid, dim3 block,
               size_t shared_bytes, cudaStream_t stream, Arguments &&...arguments) {
    kernel<<<grid, block, shared_bytes, stream>>>(std::forward<Arguments>(arguments)...);
    return cudaGetLastError();
}

__device__ inline void sluice__sincospi(double x, double *sine, double *cosine) {
    sincospi(x, sine, cosine);
}

__device__ inline uint16_t sluice__bf16_bits(float x) {
    uint16_t bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}

#else
#include "simt.h" /* tests/emulation: kernels on the CPU, a fiber per CUDA thread */
static inline void sluice__sincospi(double x, double *sine, double *cosine) {
    const double pi = 3.14159265358979323846, within = x - 2 * std::rint(x / 2);
    *sine   = std::sin(pi * within);
    *cosine = std::cos(pi * within);
}

static inline uint16_t sluice__bf16_bits(float x) {
    const unsigned bits = __float_as_uint(x);
    if (std::isnan(x)) return 0x7fff;
    return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
#endif

#define SLUICE__LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                             \
    sluice__launch(#kernel, kernel, grid, block, shared_bytes, stream, __VA_ARGS__)

#endif
