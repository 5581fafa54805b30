/* SPDX-License-Identifier: MIT */
/* version.c -- the library's version, which CMake defines. */
#include "sluice/sluice.h"

const char *sluice_version(void) {
    return SLUICE_VERSION;
}
