/* SPDX-License-Identifier: MIT */
/* open_file.h -- files that are open for reading, and how to tell that one has changed. */
#ifndef SLUICE_IO_OPEN_FILE_H
#define SLUICE_IO_OPEN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "sluice/status.h"

/* Which file it is, how long, and when it was last written. */
typedef struct sluice__file_stamp {
    dev_t device;
    ino_t inode;
    int64_t size;
    struct timespec written;
} sluice__file_stamp;

sluice__file_stamp sluice__stamp_of(const struct stat *about);
/* Whether both are of one file, at whatever time. */
bool sluice__is_same_file(const sluice__file_stamp *a, const sluice__file_stamp *b);

/* Open a regular file for reading; `stamp` may be NULL. What is none (a folder, a FIFO, a socket, a
 * device) is refused without opening it, so that nothing waits for a writer. Close with close().
 * E_IO with the path and the reason; errno is the system's, or 0 for what is no regular file. */
sluice_status sluice__open_file(int *out, sluice__file_stamp *stamp, const char *path);

/* `bytes` bytes from offset `at`; `*got` is fewer only where the file ends. E_IO with both. */
sluice_status sluice__read_at(size_t *got, void *to, size_t bytes, int file, int64_t at,
                              const char *path);

#endif
