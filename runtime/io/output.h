/* SPDX-License-Identifier: MIT */
/* output.h -- a new file that is hashed while it is written, and read back once it is on the disk.
 */
#ifndef SLUICE_IO_OUTPUT_H
#define SLUICE_IO_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "sluice/status.h"

/* XXH3 (64 bit) over all bytes of a file. */
typedef struct sluice__checksum {
    int64_t bytes;
    uint64_t hash;
} sluice__checksum;

typedef struct sluice__output {
    const char *path, *shown; /* borrowed; what errors call it */
    int file;
    int64_t bytes;                /* in the file */
    unsigned char *piece, *block; /* what is not in the file yet; the memory that it is in */
    size_t used;
    void *hash; /* xxhash's */
} sluice__output;

/* Create the file, which errors call `shown`; an older one is overwritten. E_IO with the system's
 * reason, E_HOST_MEMORY. */
sluice_status sluice__output_open(sluice__output *out, const char *path, const char *shown);
sluice_status sluice__output_write(sluice__output *output, const void *bytes, size_t count);
/* Close. If `status`, that of all before, is OK: wait until the disk has the file, read it again,
 * and compare. E_IO, and what `status` says. */
sluice_status sluice__output_close(sluice__checksum *out, sluice__output *output,
                                   sluice_status status);

/* The checksum of a file as it is on the disk. E_IO, E_HOST_MEMORY. */
sluice_status sluice__checksum_file(sluice__checksum *out, const char *path);

#endif
