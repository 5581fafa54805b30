/* SPDX-License-Identifier: MIT */
/* write.c -- a temporary file next to the real one, renamed once all of it is on the disk. */
#include "runtime/io/write.h"

#include <errno.h>
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
    writer.file = fopen(writer.temporary, "wbe");
    if (!writer.file) {
        sluice__free(writer.temporary);
        return cannot_write(path);
    }
    *out = writer;
    return SLUICE_OK;
}

sluice_status sluice__write(sluice__writer *writer, const void *bytes, size_t count) {
    if (fwrite(bytes, 1, count, writer->file) == count) return SLUICE_OK;
    return cannot_write(writer->path);
}

sluice_status sluice__write_end(sluice__writer *writer, sluice_status status) {
    if (status == SLUICE_OK && (fflush(writer->file) != 0 || fsync(fileno(writer->file)) != 0))
        status = cannot_write(writer->path);
    if (fclose(writer->file) != 0 && status == SLUICE_OK) status = cannot_write(writer->path);
    if (status == SLUICE_OK && rename(writer->temporary, writer->path) != 0)
        status = cannot_write(writer->path);
    if (status != SLUICE_OK) unlink(writer->temporary);
    sluice__free(writer->temporary);
    return status;
}

sluice_status sluice__write_text(const char *path, const char *text) {
    sluice__writer writer = {.path = path};
    SLUICE__TRY(sluice__write_begin(&writer, path));
    return sluice__write_end(&writer, sluice__write(&writer, text, strlen(text)));
}
