/* SPDX-License-Identifier: MIT */
/* version.c -- the one place that says which version this is; CMake knows the number. */
#include "sluice/sluice.h"

const char *sluice_version(void) {
    return SLUICE_VERSION;
}
