/* SPDX-License-Identifier: MIT */
/* vsincos.h -- sine and cosine of large angles as straight-line code, so that loops over them
 * vectorize: within 1e-12 where the angle is below 10^6. */
#ifndef SLUICE_DEVICE_CPU_VSINCOS_H
#define SLUICE_DEVICE_CPU_VSINCOS_H

#include "runtime/device/cpu/loops.h"

/* The nearest integer, up to 2^51: adding 1.5 * 2^52 leaves no fraction. */
SLUICE__LOOP double sluice__nearest(double x) {
    const double shifter = 6755399441055744.0;
    const double shifted = x + shifter;
    return shifted - shifter;
}

/* x is an odd or even number n of half turns, and r, |r| <= pi / 2: sines and cosines of r change
 * their sign where n is odd. */
SLUICE__LOOP void sluice__sincos(double *sine, double *cosine, double x) {
    const double n    = sluice__nearest(x * 0.31830988618379067154);
    const double odd  = n - 2 * sluice__nearest(0.5 * n); /* -1, 0, or 1 */
    const double sign = 1 - 2 * odd * odd;
    /* pi in two parts: the first has 33 bits, so that n times it is exact */
    const double r = (x - n * 3.14159265346825122833) - n * 1.21542010130123852e-10;
    const double q = r * r;
    /* the series to r^17 and r^18: the rest is below 5e-14 */
    double s = 1.0 / 355687428096000;
    s        = s * q - 1.0 / 1307674368000;
    s        = s * q + 1.0 / 6227020800;
    s        = s * q - 1.0 / 39916800;
    s        = s * q + 1.0 / 362880;
    s        = s * q - 1.0 / 5040;
    s        = s * q + 1.0 / 120;
    s        = s * q - 1.0 / 6;
    double c = -1.0 / 6402373705728000;
    c        = c * q + 1.0 / 20922789888000;
    c        = c * q - 1.0 / 87178291200;
    c        = c * q + 1.0 / 479001600;
    c        = c * q - 1.0 / 3628800;
    c        = c * q + 1.0 / 40320;
    c        = c * q - 1.0 / 720;
    c        = c * q + 1.0 / 24;
    c        = c * q - 0.5;
    *sine    = sign * (r + r * q * s);
    *cosine  = sign * (1 + q * c);
}

#endif
