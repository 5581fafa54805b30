/* SPDX-License-Identifier: MIT */
/*
 * version.h -- the version of the headers, and of the library: CMake reads it here. For example
 *     #if SLUICE_VERSION_NUMBER >= SLUICE_VERSION_OF(0, 2, 0)
 */
#ifndef SLUICE_VERSION_H
#define SLUICE_VERSION_H

#include "sluice/export.h"

#define SLUICE_VERSION_MAJOR 0
#define SLUICE_VERSION_MINOR 1
#define SLUICE_VERSION_PATCH 0

/* Versions as numbers that can be compared; minor and patch are less than 1000. */
#define SLUICE_VERSION_OF(major, minor, patch) ((major)*1000000 + (minor)*1000 + (patch))
#define SLUICE_VERSION_NUMBER                                                                      \
    SLUICE_VERSION_OF(SLUICE_VERSION_MAJOR, SLUICE_VERSION_MINOR, SLUICE_VERSION_PATCH)

/* "0.1.0". */
#define SLUICE_VERSION                                                                             \
    SLUICE_VERSION_WORD(SLUICE_VERSION_MAJOR)                                                      \
    "." SLUICE_VERSION_WORD(SLUICE_VERSION_MINOR) "." SLUICE_VERSION_WORD(SLUICE_VERSION_PATCH)
#define SLUICE_VERSION_WORD(number)  SLUICE_VERSION_QUOTE(number)
#define SLUICE_VERSION_QUOTE(number) #number

/* The version of the library that is linked; SLUICE_VERSION is that of the headers. */
SLUICE_API const char *sluice_version(void);

#endif
