/* SPDX-License-Identifier: MIT */
/* input_file.h -- a regular file, read by offset. Never mapped: a file that shrinks while it is in
 * use is an error, not a signal. */
#ifndef SLUICE_IO_INPUT_FILE_H
#define SLUICE_IO_INPUT_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "sluice/status.h"

typedef struct sluice__input_file {
    int descriptor;
    uint64_t size; /* when it was opened */
    char *path;
} sluice__input_file;

/* Folders, pipes and devices are refused, without waiting for them. Release with
 * sluice__input_close(). E_IO with the path and the system's reason, E_HOST_MEMORY. */
sluice_status sluice__input_open(sluice__input_file *out, const char *path);
void sluice__input_close(sluice__input_file *file);
/* All of the `bytes` at `offset`, which were there when the file was opened. E_IO. */
sluice_status sluice__input_read(void *to, const sluice__input_file *file, uint64_t offset,
                                 size_t bytes);

#endif
