/* SPDX-License-Identifier: MIT */
/* write.h -- a file written completely or not at all. */
#ifndef SLUICE_IO_WRITE_H
#define SLUICE_IO_WRITE_H

#include <stddef.h>

#include "runtime/io/output.h"

typedef struct sluice__writer {
    sluice__output output;
    const char *path; /* borrowed */
    char *temporary;  /* next to it, until all is written */
} sluice__writer;

/* E_IO with the path and the system's reason; E_HOST_MEMORY. */
sluice_status sluice__write_begin(sluice__writer *out, const char *path);
sluice_status sluice__write(sluice__writer *writer, const void *bytes, size_t count);
/* After a failure of any part pass its status: the temporary file is removed, `path` stays as
 * before. */
sluice_status sluice__write_end(sluice__writer *writer, sluice_status status);

/* All three, of a text. */
sluice_status sluice__write_text(const char *path, const char *text);

#endif
