/* SPDX-License-Identifier: MIT */
/*
 * simt.h -- CUDA's kernel language for g++ and clang++, on top of the toolkit's real headers.
 *
 * Compiled without nvcc, the toolkit's headers turn __global__ and __device__ into nothing and
 * supply dim3, vector types and 16-bit floats; the rest of the language in use is here. Collective
 * functions of a kernel's threads are in grid.c, barrier.c and warp.c, which report misuse with the
 * kernel's file and line.
 */
#ifndef SLUICE_TESTS_EMULATION_SIMT_H
#define SLUICE_TESTS_EMULATION_SIMT_H

#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>

#include "grid.h"

/* ---- keywords ---- */

#if defined(__SANITIZE_THREAD__)
#define EMU_THREAD emu_thread_now()
#define EMU_BLOCK  emu_block_now()
#else
#define EMU_THREAD emu_thread
#define EMU_BLOCK  emu_block
#endif
#define threadIdx (EMU_THREAD->index)
#define blockIdx  (EMU_BLOCK->index)
#define blockDim  (EMU_BLOCK->block)
#define gridDim   (EMU_BLOCK->grid)
#define warpSize  32

#undef __launch_bounds__
#define __launch_bounds__(...)
#undef __shared__
#define __shared__                                                                                 \
    static_assert(false, "write SLUICE__SHARED or SLUICE__DYNAMIC_SHARED");                        \
    int

/* A variable of block scope; the key distinguishes the arrays of a kernel. */
#define SLUICE__SHARED(type, name, count)                                                          \
    static const char name##_key = 0;                                                              \
    type(&name)[count] =                                                                           \
        *static_cast<type(*)[count]>(emu_shared(sizeof(type[count]), &name##_key, #name))
#define SLUICE__DYNAMIC_SHARED(type, name)                                                         \
    type *const name = reinterpret_cast<type *>(EMU_BLOCK->dynamic_shared)

/* ---- barriers and warps: each call passes its file and line ---- */

struct emu_here {
    const char *file;
    int line;

    void sync_threads() const {
        emu_barrier(file, line);
    }
    int sync_count(int yes) const {
        return emu_barrier_count(yes, file, line);
    }
    int sync_or(int yes) const {
        return emu_barrier_count(yes, file, line) != 0;
    }
    int sync_and(int yes) const {
        return emu_barrier_count(!yes, file, line) == 0;
    }
    void sync_warp(unsigned mask = 0xffffffffu) const {
        emu_warp_barrier(mask, file, line);
    }
    unsigned ballot(unsigned mask, int yes) const {
        return emu_ballot(mask, yes, file, line);
    }
    int any(unsigned mask, int yes) const {
        return ballot(mask, yes) != 0;
    }
    int all(unsigned mask, int yes) const {
        return ballot(mask, !yes) == 0;
    }

    /* Shuffles work within segments of `width` lanes; a lane that would read outside its segment
     * reads its own value. */
    template <class Value>
    Value from(unsigned mask, Value value, int lane, int width = warpSize) const {
        const unsigned w = static_cast<unsigned>(width);
        return read(mask, value, (me() & ~(w - 1)) | (static_cast<unsigned>(lane) & (w - 1)));
    }
    template <class Value>
    Value from_xor(unsigned mask, Value value, int with, int width = warpSize) const {
        const unsigned lane = me() ^ static_cast<unsigned>(with), w = static_cast<unsigned>(width);
        return read(mask, value, lane / w <= me() / w ? lane : me());
    }
    template <class Value>
    Value from_above(unsigned mask, Value value, unsigned by, int width = warpSize) const {
        const unsigned lane = me() + by, w = static_cast<unsigned>(width);
        return read(mask, value, lane / w == me() / w ? lane : me());
    }
    template <class Value>
    Value from_below(unsigned mask, Value value, unsigned by, int width = warpSize) const {
        const unsigned first = me() & ~(static_cast<unsigned>(width) - 1);
        return read(mask, value, me() >= first + by ? me() - by : me());
    }

    /* ---- tensor cores: the layout of PTX's mma.m16n8k16 and ldmatrix ---- */

    void mma(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) const {
        uint64_t upper[32], lower[32], right[32]; /* of each lane: rows 0 to 7 and 8 to 15 of a */
        emu_exchange(upper, a[0] | static_cast<uint64_t>(a[2]) << 32, file, line);
        emu_exchange(lower, a[1] | static_cast<uint64_t>(a[3]) << 32, file, line);
        emu_exchange(right, b0 | static_cast<uint64_t>(b1) << 32, file, line);
        for (unsigned e = 0; e < 4; e++) {
            const unsigned row = me() / 4, column = me() % 4 * 2 + e % 2;
            const uint64_t *const left = e < 2 ? upper : lower;
            for (unsigned k = 0; k < 16; k++)
                c[e] += half_of(left[4 * row + k % 8 / 2], k) *
                        half_of(right[4 * column + k % 8 / 2], k);
        }
    }

    void load_matrices(unsigned (&out)[4], const void *row) const {
        uint64_t rows[32];
        meet_rows(rows, row);
        for (unsigned i = 0; i < 4; i++)
            out[i] = element(rows[8 * i + me() / 4], me() % 4 * 2) |
                     element(rows[8 * i + me() / 4], me() % 4 * 2 + 1) << 16;
    }

    void load_transposed(unsigned (&out)[4], const void *row) const {
        uint64_t rows[32];
        meet_rows(rows, row);
        for (unsigned i = 0; i < 4; i++)
            out[i] = element(rows[8 * i + me() % 4 * 2], me() / 4) |
                     element(rows[8 * i + me() % 4 * 2 + 1], me() / 4) << 16;
    }

  private:
    /* Column k of a row of 16 that four lanes have in pairs: the pairs of columns 0 to 7 first. */
    static float half_of(uint64_t pairs, unsigned k) {
        const unsigned bits = static_cast<unsigned>(pairs >> (32 * (k / 8) + 16 * (k % 2))) << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }

    void meet_rows(uint64_t (&rows)[32], const void *row) const {
        emu_exchange(rows, reinterpret_cast<uint64_t>(row), file, line);
        if (reinterpret_cast<uint64_t>(row) % 16 != 0)
            emu_misuse("a row of a matrix for tensor cores is not at a multiple of 16 bytes", file,
                       line);
    }

    static unsigned element(uint64_t row, unsigned column) {
        uint16_t bits;
        memcpy(&bits, reinterpret_cast<const char *>(row) + 2 * column, sizeof bits);
        return bits;
    }

    static unsigned me() {
        return EMU_THREAD->number % warpSize;
    }

    template <class Value> Value read(unsigned mask, Value value, unsigned lane) const {
        static_assert(sizeof(Value) <= sizeof(uint64_t), "a shuffle moves at most 8 bytes");
        uint64_t bits = 0;
        memcpy(&bits, &value, sizeof value);
        bits = emu_shuffle(mask, bits, lane, file, line);
        memcpy(&value, &bits, sizeof value);
        return value;
    }
};
#define EMU_HERE            (emu_here{__FILE__, __LINE__})
#define __syncthreads       EMU_HERE.sync_threads
#define __syncthreads_count EMU_HERE.sync_count
#define __syncthreads_or    EMU_HERE.sync_or
#define __syncthreads_and   EMU_HERE.sync_and
#define __syncwarp          EMU_HERE.sync_warp
#define __ballot_sync       EMU_HERE.ballot
#define __any_sync          EMU_HERE.any
#define __all_sync          EMU_HERE.all
#define __shfl_sync         EMU_HERE.from
#define __shfl_xor_sync     EMU_HERE.from_xor
#define __shfl_down_sync    EMU_HERE.from_above
#define __shfl_up_sync      EMU_HERE.from_below

/* ---- atomics: really atomic, since kernels of several streams run concurrently ---- */

template <class Value, class Change> static inline Value emu_atomic(Value *at, Change change) {
    Value before, after;
    __atomic_load(at, &before, __ATOMIC_RELAXED);
    do {
        after = change(before);
    } while (
        !__atomic_compare_exchange(at, &before, &after, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return before;
}

template <class Value> static inline Value atomicAdd(Value *at, Value by) {
    return emu_atomic(at, [by](Value v) { return static_cast<Value>(v + by); });
}
template <class Value> static inline Value atomicSub(Value *at, Value by) {
    return emu_atomic(at, [by](Value v) { return static_cast<Value>(v - by); });
}
template <class Value> static inline Value atomicMax(Value *at, Value with) {
    return emu_atomic(at, [with](Value v) { return v > with ? v : with; });
}
template <class Value> static inline Value atomicMin(Value *at, Value with) {
    return emu_atomic(at, [with](Value v) { return v < with ? v : with; });
}
template <class Value> static inline Value atomicOr(Value *at, Value with) {
    return emu_atomic(at, [with](Value v) { return v | with; });
}
template <class Value> static inline Value atomicAnd(Value *at, Value with) {
    return emu_atomic(at, [with](Value v) { return v & with; });
}
template <class Value> static inline Value atomicExch(Value *at, Value with) {
    return emu_atomic(at, [with](Value) { return with; });
}
template <class Value> static inline Value atomicCAS(Value *at, Value expected, Value with) {
    return emu_atomic(at, [=](Value v) { return v == expected ? with : v; });
}
static inline unsigned atomicInc(unsigned *at, unsigned limit) {
    return emu_atomic(at, [limit](unsigned v) { return v >= limit ? 0 : v + 1; });
}
#if defined(__SANITIZE_THREAD__) /* which knows no fences: what they order must be atomic itself   \
                                  */
#define EMU_FENCE() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#else
#define EMU_FENCE() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif
#define __threadfence()        EMU_FENCE()
#define __threadfence_block()  EMU_FENCE()
#define __threadfence_system() EMU_FENCE()

/* ---- arithmetic. glibc defines __expf and its like, and may define rsqrtf: macros only. ---- */

#define rsqrtf(x)          (1.0f / sqrtf(x))
#define rsqrt(x)           (1.0 / sqrt(x))
#define __expf(x)          expf(x)
#define __logf(x)          logf(x)
#define __powf(x, y)       powf(x, y)
#define __tanhf(x)         tanhf(x)
#define __sinf(x)          sinf(x)
#define __cosf(x)          cosf(x)
#define __fdividef(x, y)   ((x) / (y))
#define __frcp_rn(x)       (1.0f / (x))
#define __fsqrt_rn(x)      sqrtf(x)
#define __fmaf_rn(x, y, z) fmaf(x, y, z)
#define __fadd_rn(x, y)    ((x) + (y))
#define __fsub_rn(x, y)    ((x) - (y))
#define __fmul_rn(x, y)    ((x) * (y))
#define __fdiv_rn(x, y)    ((x) / (y))
#define __saturatef(x)     fminf(fmaxf(x, 0.0f), 1.0f)
#define __ldg(at)          (*(at))
#define __popc(x)          __builtin_popcount(x)
#define __clz(x)           emu_leading_zeros(static_cast<unsigned>(x))
#define __ffs(x)           __builtin_ffs(static_cast<int>(x))
#define __umulhi(x, y)     static_cast<unsigned>((static_cast<uint64_t>(x) * (y)) >> 32)

static inline int emu_leading_zeros(unsigned x) {
    return x == 0 ? 32 : __builtin_clz(x);
}
template <class To, class From> static inline To emu_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
static inline int __float_as_int(float x) {
    return emu_bits<int>(x);
}
static inline unsigned __float_as_uint(float x) {
    return emu_bits<unsigned>(x);
}
static inline float __int_as_float(int x) {
    return emu_bits<float>(x);
}
static inline float __uint_as_float(unsigned x) {
    return emu_bits<float>(x);
}

/* min and max of one type, as in device code; -Wconversion would not pass std's on mixed ones. */
#define EMU_MIN_MAX(type)                                                                          \
    static inline type min(type x, type y) {                                                       \
        return x < y ? x : y;                                                                      \
    }                                                                                              \
    static inline type max(type x, type y) {                                                       \
        return x > y ? x : y;                                                                      \
    }
EMU_MIN_MAX(int)
EMU_MIN_MAX(unsigned)
EMU_MIN_MAX(long)
EMU_MIN_MAX(unsigned long)
EMU_MIN_MAX(long long)
EMU_MIN_MAX(unsigned long long)
static inline float min(float x, float y) {
    return fminf(x, y);
}
static inline float max(float x, float y) {
    return fmaxf(x, y);
}
static inline double min(double x, double y) {
    return fmin(x, y);
}
static inline double max(double x, double y) {
    return fmax(x, y);
}

/* ---- a kernel's attributes, by its name: only nvcc lets C++ pass it as an address ---- */

template <class... Parameters>
static inline cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...),
                                               enum cudaFuncAttribute attribute, int value) {
    return cudaFuncSetAttribute(reinterpret_cast<const void *>(kernel), attribute, value);
}
template <class... Parameters>
static inline cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *out,
                                                void (*kernel)(Parameters...)) {
    return cudaFuncGetAttributes(out, reinterpret_cast<const void *>(kernel));
}

/* ---- launch: the arguments are copied now, the kernel runs when its stream reaches it ---- */

template <class... Parameters> struct emu_launch {
    void (*kernel)(Parameters...);
    std::tuple<Parameters...> arguments;

    static void call(void *launch) {
        emu_launch *const self = static_cast<emu_launch *>(launch);
        std::apply(self->kernel, self->arguments);
    }
    static void release(void *launch) {
        delete static_cast<emu_launch *>(launch);
    }
};

template <class... Parameters, class... Arguments>
[[nodiscard]] static inline cudaError_t
sluice__launch(const char *name, void (*kernel)(Parameters...), dim3 grid, dim3 block,
               size_t shared_bytes, cudaStream_t stream, Arguments &&...arguments) {
    using launch_type = emu_launch<Parameters...>;
    launch_type *const launch =
        new launch_type{kernel, std::tuple<Parameters...>(std::forward<Arguments>(arguments)...)};
    const emu_kernel described = {name,         reinterpret_cast<const void *>(kernel),
                                  grid,         block,
                                  shared_bytes, launch_type::call,
                                  launch,       launch_type::release};
    return emu_launch_kernel(&described, stream);
}

#endif
