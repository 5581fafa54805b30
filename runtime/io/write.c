/* SPDX-License-Identifier: MIT */
/* write.c -- a temporary file next to the real one, renamed once all of it is on the disk. */
#include "runtime/io/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

static sluice_status cannot_write(const char *path) {
    return sluice__fail(SLUICE_E_IO, "cannot write '%s': %s", path, strerror(errno));
}

sluice_status sluice__write_begin(sluice__writer *out, const char *path) {
    sluice__writer writer = {.path = path};
    const size_t bytes    = strlen(path) + sizeof ".part";
    SLUICE__TRY(sluice__alloc(&writer.temporary, bytes, 1));
    snprintf(writer.temporary, bytes, "%s.part", path);
    writer.file = open(writer.temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (writer.file < 0) {
        sluice__free(writer.temporary);
        return cannot_write(path);
    }
    *out = writer;
    return SLUICE_OK;
}

sluice_status sluice__write(sluice__writer *writer, const void *bytes, size_t count) {
    for (const char *at = bytes; count > 0;) {
        const ssize_t done = write(writer->file, at, count);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return cannot_write(writer->path);
        at += done;
        count -= (size_t)done;
    }
    return SLUICE_OK;
}

sluice_status sluice__write_end(sluice__writer *writer, sluice_status status) {
    if (status == SLUICE_OK && fsync(writer->file) != 0) status = cannot_write(writer->path);
    if (close(writer->file) != 0 && status == SLUICE_OK) status = cannot_write(writer->path);
    if (status == SLUICE_OK && rename(writer->temporary, writer->path) != 0)
        status = cannot_write(writer->path);
    if (status != SLUICE_OK) unlink(writer->temporary);
    sluice__free(writer->temporary);
    return status;
}
