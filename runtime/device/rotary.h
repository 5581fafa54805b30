/* SPDX-License-Identifier: MIT */
/*
 * rotary.h -- the frequencies of rotary positions, the same bits on every device: made step by step
 * in fp32 as transformers makes them, but for the power, which is rounded correctly here and may be
 * off by its last bit there.
 */
#ifndef SLUICE_DEVICE_ROTARY_H
#define SLUICE_DEVICE_ROTARY_H

#include <math.h>

#include "sluice/operations.h"

/* Every step is rounded to fp32: a product that were fused with a sum would have other bits. */
static inline float sluice__rounded(float value) {
    volatile float rounded = value;
    return rounded;
}

/* The widest head. */
enum { SLUICE__ROTARY_WIDTH = 1024, SLUICE__ROTARY_PAIRS = SLUICE__ROTARY_WIDTH / 2 };

/* Wavelengths that the model was trained with stay, those longer than all of its positions grow by
 * the factor, and what lies between them is interpolated. */
static inline float sluice__rotary_llama3(const sluice_rotary_frequencies *f, float frequency) {
    const double positions = (double)f->original_positions;
    const float longest    = (float)(positions / (double)f->low_frequency);
    const float shortest   = (float)(positions / (double)f->high_frequency);
    const float wavelength = sluice__rounded(1 / frequency) * 6.28318530717958647692f;
    if (wavelength < shortest) return frequency;
    if (wavelength > longest) return frequency / f->factor;
    const float waves = sluice__rounded(sluice__rounded(1 / wavelength) * (float)positions);
    const float share = (waves - f->low_frequency) / (f->high_frequency - f->low_frequency);
    const float slow  = sluice__rounded((1 - share) * frequency) / f->factor;
    return sluice__rounded(slow) + sluice__rounded(share * frequency);
}

/* Radians per position of elements `pair` and `pair` + head_width / 2 of a head. */
static inline float sluice__rotary_frequency(const sluice_rotary_frequencies *f, int64_t pair,
                                             int64_t head_width) {
    const float exponent  = (float)(2 * pair) / (float)head_width;
    const float frequency = 1 / (float)pow((double)f->base, (double)exponent);
    switch (f->scaling) {
    case SLUICE_ROTARY_SCALING_NONE:
        break;
    case SLUICE_ROTARY_SCALING_LINEAR:
        return frequency / f->factor;
    case SLUICE_ROTARY_SCALING_LLAMA3:
        return sluice__rotary_llama3(f, frequency);
    }
    return frequency;
}

#endif
