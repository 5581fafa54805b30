/* SPDX-License-Identifier: MIT */
/* input_file.c -- opening a regular file, and reading all bytes of a range. */
#include "runtime/io/input_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

static sluice_status cannot_read(const char *path) {
    return sluice__fail(SLUICE_E_IO, "cannot read '%s': %s", path, strerror(errno));
}

sluice_status sluice__input_open(sluice__input_file *out, const char *path) {
    /* Opening a pipe without its writer, or some devices, would wait. */
    sluice__input_file file = {.descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct stat about;
    sluice_status status = SLUICE_OK;
    if (file.descriptor < 0) return cannot_read(path);
    if (fstat(file.descriptor, &about) != 0)
        status = cannot_read(path);
    else if (!S_ISREG(about.st_mode))
        status = sluice__fail(SLUICE_E_IO, "'%s' is not a file", path);
    else
        status = sluice__copy_text(&file.path, path);
    if (status != SLUICE_OK) {
        close(file.descriptor);
        return status;
    }
    file.size = (uint64_t)about.st_size;
    *out      = file;
    return SLUICE_OK;
}

void sluice__input_close(sluice__input_file *file) {
    close(file->descriptor);
    sluice__free(file->path);
}

static sluice_status refuse_shrunk(const sluice__input_file *file, uint64_t end) {
    const sluice_status status = sluice__fail(
        SLUICE_E_IO, "'%s' had %llu bytes when it was opened and now ends at byte %llu", file->path,
        (unsigned long long)file->size, (unsigned long long)end);
    return sluice__hint(status, "leave the file alone while it is read");
}

sluice_status sluice__input_read(void *to, const sluice__input_file *file, uint64_t offset,
                                 size_t bytes) {
    unsigned char *at = to;
    while (bytes > 0) {
        const ssize_t got = pread(file->descriptor, at, bytes, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return cannot_read(file->path);
        if (got == 0) return refuse_shrunk(file, offset);
        at += got;
        offset += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return SLUICE_OK;
}
