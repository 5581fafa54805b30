/* SPDX-License-Identifier: MIT */
/* mapped.h -- a file as read-only memory. */
#ifndef SLUICE_IO_MAPPED_H
#define SLUICE_IO_MAPPED_H

#include <stddef.h>

#include "sluice/status.h"

typedef struct sluice__mapped {
    const unsigned char *bytes; /* NULL for an empty file */
    size_t size;
} sluice__mapped;

/* E_IO with the path and the system's reason; a folder is refused. */
sluice_status sluice__map(sluice__mapped *out, const char *path);
void sluice__unmap(sluice__mapped *file);

#endif
