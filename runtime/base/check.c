/* SPDX-License-Identifier: MIT */
/* check.c -- whether a number that the caller passed is in range. */
#include "runtime/base/check.h"

#include "runtime/base/error.h"

sluice_status sluice__check_number(const char *name, double value, double low, double high) {
    if (value >= low && value <= high) return SLUICE_OK; /* false for NaN */
    return sluice__fail(SLUICE_E_ARGUMENT, "%s is %g; it must be from %g to %g", name, value, low,
                        high);
}
