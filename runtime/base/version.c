/* SPDX-License-Identifier: MIT */
/* version.c -- the library's version: that of the headers it was compiled with. */
#include "sluice/version.h"

const char *sluice_version(void) {
    return SLUICE_VERSION;
}
