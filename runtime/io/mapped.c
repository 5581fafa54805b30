/* SPDX-License-Identifier: MIT */
/* mapped.c -- a file as read-only memory. */
#include "runtime/io/mapped.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/io/open_file.h"

sluice_status sluice__map(sluice__mapped *out, const char *path) {
    int file;
    sluice__file_stamp stamp;
    SLUICE__TRY(sluice__open_file(&file, &stamp, path));
    sluice_status status = SLUICE_OK;
    void *bytes          = NULL;
    if (stamp.size > 0) {
        bytes = mmap(NULL, (size_t)stamp.size, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes == MAP_FAILED)
            status = sluice__fail(SLUICE_E_IO, "cannot map '%s': %s", path, strerror(errno));
    }
    close(file); /* the mapping stays */
    if (status == SLUICE_OK) *out = (sluice__mapped){bytes, (size_t)stamp.size};
    return status;
}

void sluice__unmap(sluice__mapped *file) {
    if (file->bytes) {
        void *bytes;
        memcpy(&bytes, &file->bytes, sizeof bytes); /* munmap takes what mmap gave, without const */
        munmap(bytes, file->size);
    }
    *file = (sluice__mapped){0};
}
