/* SPDX-License-Identifier: MIT */
/*
 * loops.h -- what the hot loops share: versions per instruction set, and sums in fixed lanes.
 *
 * A loop is written once, as `name_loop`, and SLUICE__VERSIONS makes `name`, which picks the
 * widest version that the processor has:
 *
 *   SLUICE__LOOP void scale_loop(float *x, float by, int64_t count) { ... }
 *   SLUICE__VERSIONS(scale, (float *x, float by, int64_t count), (x, by, count))
 *
 * Sums run in eight lanes that are added in a fixed order, whatever the instruction set.
 */
#ifndef SLUICE_DEVICE_CPU_LOOPS_H
#define SLUICE_DEVICE_CPU_LOOPS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Whether the processor has what the widest versions use, and the next ones. */
static inline bool sluice__has_avx512(void) {
#ifdef __x86_64__
    return __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw");
#else
    return false;
#endif
}

static inline bool sluice__has_avx2(void) {
#ifdef __x86_64__
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

#define SLUICE__LOOP static inline __attribute__((always_inline))

#if defined(__x86_64__) && defined(__OPTIMIZE__)
#define SLUICE__VERSIONS(name, parameters, arguments)                                              \
    __attribute__((target(                                                                         \
        "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma"))) static void name##_avx512 parameters {    \
        name##_loop arguments;                                                                     \
    }                                                                                              \
    __attribute__((target("avx2,fma"))) static void name##_avx2 parameters {                       \
        name##_loop arguments;                                                                     \
    }                                                                                              \
    static void name parameters {                                                                  \
        if (sluice__has_avx512())                                                                  \
            name##_avx512 arguments;                                                               \
        else if (sluice__has_avx2())                                                               \
            name##_avx2 arguments;                                                                 \
        else                                                                                       \
            name##_loop arguments;                                                                 \
    }
#else
#define SLUICE__VERSIONS(name, parameters, arguments)                                              \
    static void name parameters {                                                                  \
        name##_loop arguments;                                                                     \
    }
#endif

/* ---- lanes ---- */

enum { SLUICE__LANES = 8, SLUICE__PAIR = 2 * SLUICE__LANES };
typedef float sluice__lanes __attribute__((vector_size(SLUICE__LANES * sizeof(float))));
typedef int32_t sluice__lane_bits __attribute__((vector_size(SLUICE__LANES * sizeof(int32_t))));

SLUICE__LOOP void sluice__load(sluice__lanes *to, const float *from) {
    memcpy(to, from, sizeof *to);
}

SLUICE__LOOP float sluice__add_lanes(const sluice__lanes *x) {
    const sluice__lanes v = *x;
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

SLUICE__LOOP float sluice__sum(const float *x, int64_t count) {
    sluice__lanes even = {0}, odd = {0}, a, b;
    int64_t i = 0;
    for (; i + SLUICE__PAIR <= count; i += SLUICE__PAIR) {
        sluice__load(&a, x + i);
        sluice__load(&b, x + i + SLUICE__LANES);
        even += a;
        odd += b;
    }
    even += odd;
    float total = sluice__add_lanes(&even);
    for (; i < count; i++) total += x[i];
    return total;
}

/* The sum of a[i] * b[i]. */
SLUICE__LOOP float sluice__dot(const float *a, const float *b, int64_t count) {
    sluice__lanes total = {0}, x, y;
    int64_t i           = 0;
    for (; i + SLUICE__LANES <= count; i += SLUICE__LANES) {
        sluice__load(&x, a + i);
        sluice__load(&y, b + i);
        total += x * y;
    }
    float sum = sluice__add_lanes(&total);
    for (; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* The largest of x[0 .. count - 1]; count > 0. */
SLUICE__LOOP float sluice__max(const float *x, int64_t count) {
    float largest = x[0];
    int64_t i     = 0;
    if (count >= SLUICE__LANES) {
        sluice__lanes best, a;
        sluice__load(&best, x);
        for (i = SLUICE__LANES; i + SLUICE__LANES <= count; i += SLUICE__LANES) {
            sluice__load(&a, x + i);
            const sluice__lane_bits larger = a > best;
            best                           = (sluice__lanes)(((sluice__lane_bits)a & larger) |
                                   ((sluice__lane_bits)best & ~larger));
        }
        for (int l = 0; l < SLUICE__LANES; l++) largest = best[l] > largest ? best[l] : largest;
    }
    for (; i < count; i++) largest = x[i] > largest ? x[i] : largest;
    return largest;
}

#endif
