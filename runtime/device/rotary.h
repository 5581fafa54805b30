/* SPDX-License-Identifier: MIT */
/*
 * rotary.h -- the frequencies of rotary positions, the same on every device and in double: an angle
 * of position 131071 that was rounded to fp32 would be off by up to 0.004 radians, and one whose
 * frequency was, too. Devices multiply, and take sine and cosine, in double as well, and round only
 * those two.
 */
#ifndef SLUICE_DEVICE_ROTARY_H
#define SLUICE_DEVICE_ROTARY_H

#include <math.h>

#include "sluice/operations.h"

/* The widest head. */
enum { SLUICE__ROTARY_WIDTH = 1024, SLUICE__ROTARY_PAIRS = SLUICE__ROTARY_WIDTH / 2 };

/* Wavelengths that the model was trained with stay, those longer than all of its positions grow by
 * the factor, and what lies between them is interpolated. */
static inline double sluice__rotary_llama3(const sluice_rotary_frequencies *f, double frequency) {
    const double two_pi = 6.28318530717958647692;
    const double waves  = (double)f->original_positions * frequency / two_pi; /* in all positions */
    const double low = (double)f->low_frequency, high = (double)f->high_frequency;
    const double slow = frequency / (double)f->factor;
    if (waves > high) return frequency;
    if (waves < low) return slow;
    const double share = (waves - low) / (high - low);
    return (1 - share) * slow + share * frequency;
}

/* Radians per position of elements `pair` and `pair` + head_width / 2 of a head. */
static inline double sluice__rotary_frequency(const sluice_rotary_frequencies *f, int64_t pair,
                                              int64_t head_width) {
    const double exponent  = (double)(2 * pair) / (double)head_width;
    const double frequency = pow((double)f->base, -exponent);
    switch (f->scaling) {
    case SLUICE_ROTARY_SCALING_NONE:
        break;
    case SLUICE_ROTARY_SCALING_LINEAR:
        return frequency / (double)f->factor;
    case SLUICE_ROTARY_SCALING_LLAMA3:
        return sluice__rotary_llama3(f, frequency);
    }
    return frequency;
}

#endif
