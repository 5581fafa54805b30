/* SPDX-License-Identifier: MIT */
/* files.h -- a temporary folder for a test, and files in it. */
#ifndef SLUICE_TESTS_FILES_H
#define SLUICE_TESTS_FILES_H

#include "tests/support/support.h"

typedef struct folder {
    char path[64];
} folder;

folder folder_make(void);
/* Where nothing waits for a disk, if there is such a file system. */
folder folder_make_in_memory(void);
void folder_remove(const folder *made);
/* The path of `name` in the folder: valid until the third next call. */
const char *folder_path(const folder *in, const char *name);

/* `name` may have folders before it. */
void folder_write(const folder *in, const char *name, const void *bytes, size_t count);
/* So many letters, by a rule that repeats after 26: there is something to learn. */
void folder_write_text(const folder *in, const char *name, size_t bytes);

#endif
