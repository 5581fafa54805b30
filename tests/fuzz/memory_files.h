/* SPDX-License-Identifier: MIT */
/* memory_files.h -- files of fuzz targets, in memory: what the library opens, reads, lists and
 * writes below FUZZ_FOLDER never reaches the system, which would take most of the time. */
#ifndef SLUICE_TESTS_FUZZ_MEMORY_FILES_H
#define SLUICE_TESTS_FUZZ_MEMORY_FILES_H

#include <stdbool.h>
#include <stddef.h>

#define FUZZ_FOLDER "/sluice-fuzz"

/* Write FUZZ_FOLDER/NAME anew; folders on the way are there from then on. Returns the path, which
 * stays valid. */
const char *fuzz_put(const char *name, const void *bytes, size_t count);
/* The same at any path, for when the system's files are hidden. */
const char *fuzz_put_at(const char *path, const void *bytes, size_t count);
/* Remove all files. */
void fuzz_clear(void);
/* Whether the system's files are there at all: without, every path is one of memory. */
void fuzz_hide_system(bool hidden);

#endif
