/* SPDX-License-Identifier: MIT */
/* fuzz_file.h -- inputs as files, for readers that open a path: in memory where the machine has a
 * folder there, removed at the end. */
#ifndef SLUICE_TESTS_FUZZ_FILE_H
#define SLUICE_TESTS_FUZZ_FILE_H

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { FUZZ_FILES = 4 };

static char fuzz_folder_path[64], fuzz_paths[FUZZ_FILES][128];

static inline void fuzz_remove_files(void) {
    for (int k = 0; k < FUZZ_FILES; k++)
        if (fuzz_paths[k][0] != '\0') (void)unlink(fuzz_paths[k]);
    (void)rmdir(fuzz_folder_path);
}

static inline const char *fuzz_folder(void) {
    if (fuzz_folder_path[0] != '\0') return fuzz_folder_path;
    const char *const top = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(fuzz_folder_path, sizeof fuzz_folder_path, "%s/sluice-fuzz-XXXXXX", top);
    if (!mkdtemp(fuzz_folder_path)) fuzz_fail("no folder for inputs");
    (void)atexit(fuzz_remove_files);
    return fuzz_folder_path;
}

/* Write file `slot` of the folder; returns its path. */
static inline const char *fuzz_write(int slot, const char *name, const void *bytes, size_t count) {
    char *const path = fuzz_paths[slot];
    (void)snprintf(path, sizeof fuzz_paths[slot], "%s/%s", fuzz_folder(), name);
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || write(file, bytes, count) != (ssize_t)count) fuzz_fail("an input's file");
    (void)close(file);
    return path;
}

#endif
