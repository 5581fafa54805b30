/* SPDX-License-Identifier: MIT */
/* check.h -- numbers that a caller gives are in their ranges. */
#ifndef SLUICE_BASE_CHECK_H
#define SLUICE_BASE_CHECK_H

#include "sluice/status.h"

/* A value from `low` to `high`; false for NaN. E_ARGUMENT with its `name`. */
sluice_status sluice__check_number(const char *name, double value, double low, double high);

#endif
