/* SPDX-License-Identifier: MIT */
/*
 * portable.h -- the one header a kernel includes: what nvcc and the emulation's g++ spell
 * differently.
 *
 * A kernel is written in CUDA C++ with four macros from here:
 *   SLUICE__LAUNCH(kernel, grid, block, shared_bytes, stream, arguments...)
 *   SLUICE__SHARED(float, shared, 32);     instead of __shared__
 *   SLUICE__DYNAMIC_SHARED(float, rows);    the launch's shared_bytes, 16-byte aligned
 *   SLUICE__UNROLL for (...)                whole, so that arrays indexed in it are registers
 * and sluice__sincospi(x, &sine, &cosine), of pi * x, and sluice__bf16_bits(x), the nearest bf16;
 * for warps sluice__mma() and what loads its factors.
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

#define SLUICE__UNROLL                    _Pragma("unroll")
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

__device__ inline unsigned sluice__bf16_pair(float low, float high) {
    unsigned pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}

/* c (16, 8) += a (16, 16) b (16, 8) by a warp, in the layout of PTX's mma.m16n8k16. */
__device__ inline void sluice__mma(float (&c)[4], const unsigned (&a)[4], unsigned b0,
                                   unsigned b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* Four matrices of 8 x 8 bf16 in shared memory; lanes 8 i to 8 i + 7 name the rows of matrix i.
 * out[i]: of matrix i, row lane / 4, columns 2 (lane % 4) and the next. */
__device__ inline void sluice__load_matrices(unsigned (&out)[4], const void *row) {
    const unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(at)
                 : "memory");
}

/* The same, of each matrix's transpose. */
__device__ inline void sluice__load_transposed(unsigned (&out)[4], const void *row) {
    const unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(at)
                 : "memory");
}

#else
#include "simt.h" /* tests/emulation: kernels on the CPU, a fiber per CUDA thread */
#define SLUICE__UNROLL
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

static inline unsigned sluice__bf16_pair(float low, float high) {
    return sluice__bf16_bits(low) | static_cast<unsigned>(sluice__bf16_bits(high)) << 16;
}
#define sluice__mma             EMU_HERE.mma
#define sluice__load_matrices   EMU_HERE.load_matrices
#define sluice__load_transposed EMU_HERE.load_transposed
#endif

#define SLUICE__LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                             \
    sluice__launch(#kernel, kernel, grid, block, shared_bytes, stream, __VA_ARGS__)

#endif
