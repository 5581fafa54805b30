/* SPDX-License-Identifier: MIT */
/*
 * vexp.h -- exponential, sigmoid and GELU as straight-line code, so that loops over them vectorize.
 * Relative error of sluice__exp() is below 1e-6 where the result is a normal float.
 */
#ifndef SLUICE_DEVICE_CPU_VEXP_H
#define SLUICE_DEVICE_CPU_VEXP_H

#include "runtime/device/cpu/loops.h"

/*
 * exp(x) = 2^n exp(r), n = round(x / log 2), |r| <= log 2 / 2. Adding 1.5 * 2^23 leaves n in the
 * low bits of the float, from where a shift makes it an exponent. Below -87.3 the result stays
 * at about 1e-38, above 88.3 at about 2e38; NaN stays NaN.
 */
SLUICE__LOOP float sluice__exp(float x) {
    const float shifter = 12582912.0f;
    x                   = x < -87.3f ? -87.3f : x;
    x                   = x > 88.3f ? 88.3f : x;
    const float shifted = x * 1.44269504f + shifter;
    const float n       = shifted - shifter;
    /* log 2 in two parts: the first has 9 bits, so that n times it is exact */
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    /* the series of exp to r^6 / 720: the rest is below 1.2e-7 */
    float p = 1.0f / 720;
    p       = p * r + 1.0f / 120;
    p       = p * r + 1.0f / 24;
    p       = p * r + 1.0f / 6;
    p       = p * r + 0.5f;
    p       = p * r + 1.0f;
    p       = p * r + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + (127u << 23);
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

SLUICE__LOOP float sluice__sigmoid(float x) {
    return 1.0f / (1.0f + sluice__exp(-x));
}

/* The tanh form of GELU is x * sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3). */
SLUICE__LOOP float sluice__gelu_sigmoid(float x) {
    return 1.0f / (1.0f + sluice__exp(-1.59576912f * (x + 0.044715f * x * x * x)));
}

SLUICE__LOOP float sluice__gelu(float x) {
    return x * sluice__gelu_sigmoid(x);
}

SLUICE__LOOP float sluice__gelu_slope(float x) {
    const float s = sluice__gelu_sigmoid(x);
    return s + x * s * (1.0f - s) * (1.59576912f + 0.21406806f * x * x);
}

#endif
