/* SPDX-License-Identifier: MIT */
/* write.c -- a temporary file next to the real one, renamed once all of it is on the disk. */
#include "runtime/io/write.h"

#include <string.h>
#include <unistd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/io/folders.h"

sluice_status sluice__write_begin(sluice__writer *out, const char *path) {
    sluice__writer writer = {.path = path};
    sluice__text text     = {0};
    SLUICE__TRY(sluice__text_add(&text, "%s.part", path));
    writer.temporary           = text.bytes;
    const sluice_status status = sluice__output_open(&writer.output, writer.temporary, path);
    if (status == SLUICE_OK)
        *out = writer;
    else
        sluice__free(writer.temporary);
    return status;
}

sluice_status sluice__write(sluice__writer *writer, const void *bytes, size_t count) {
    return sluice__output_write(&writer->output, bytes, count);
}

sluice_status sluice__write_end(sluice__writer *writer, sluice_status status) {
    sluice__checksum sum = {0};
    status               = sluice__output_close(&sum, &writer->output, status);
    if (status == SLUICE_OK) status = sluice__path_move(writer->temporary, writer->path);
    if (status != SLUICE_OK) unlink(writer->temporary);
    sluice__free(writer->temporary);
    return status;
}

sluice_status sluice__write_text(const char *path, const char *text) {
    sluice__writer writer = {.path = path};
    SLUICE__TRY(sluice__write_begin(&writer, path));
    return sluice__write_end(&writer, sluice__write(&writer, text, strlen(text)));
}
