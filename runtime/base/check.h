/* SPDX-License-Identifier: MIT */
/* check.h -- whether a number that the caller passed is in range. */
#ifndef SLUICE_BASE_CHECK_H
#define SLUICE_BASE_CHECK_H

#include "sluice/status.h"

/* `value` must be from `low` to `high`, which NaN is not. E_ARGUMENT with its `name`. */
sluice_status sluice__check_number(const char *name, double value, double low, double high);

#endif
