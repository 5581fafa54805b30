/* SPDX-License-Identifier: MIT */
/* mapped.c -- opening a file as read-only memory. */
#include "runtime/io/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/error.h"

sluice_status sluice__map(sluice__mapped *out, const char *path) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return sluice__fail(SLUICE_E_IO, "cannot read '%s': %s", path, strerror(errno));
    struct stat about;
    sluice_status status = SLUICE_OK;
    void *bytes          = NULL;
    if (fstat(file, &about) != 0)
        status = sluice__fail(SLUICE_E_IO, "cannot read '%s': %s", path, strerror(errno));
    else if (!S_ISREG(about.st_mode))
        status = sluice__fail(SLUICE_E_IO, "'%s' is not a file", path);
    else if (about.st_size > 0) {
        bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes == MAP_FAILED)
            status = sluice__fail(SLUICE_E_IO, "cannot map '%s': %s", path, strerror(errno));
    }
    close(file); /* the mapping stays */
    if (status == SLUICE_OK) *out = (sluice__mapped){bytes, (size_t)about.st_size};
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
