/* SPDX-License-Identifier: MIT */
/* half.h -- IEEE 754 binary16 (F16), which files have and nothing computes in. */
#ifndef SLUICE_BASE_HALF_H
#define SLUICE_BASE_HALF_H

#include <stdint.h>

/* `count` of them to fp32: exact, signs of zeros, infinities and NaN included. */
void sluice__widen_halves(float *to, const uint16_t *from, int64_t count);

#endif
