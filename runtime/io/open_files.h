/* SPDX-License-Identifier: MIT */
/* open_files.h -- a few files that stay open between reads, for many threads. */
#ifndef SLUICE_IO_OPEN_FILES_H
#define SLUICE_IO_OPEN_FILES_H

#include "sluice/status.h"

typedef struct sluice__open_files sluice__open_files;

sluice_status sluice__open_files_create(sluice__open_files **out);
void sluice__open_files_free(sluice__open_files *files); /* NULL is fine */

/* A descriptor for reading `path`, which others may use too: read it by offset, and give it back.
 * One path is always the same pointer. E_IO. */
sluice_status sluice__open_files_take(int *out, sluice__open_files *files, const char *path);
void sluice__open_files_return(sluice__open_files *files, int file);

#endif
