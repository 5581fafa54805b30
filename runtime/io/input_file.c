/* SPDX-License-Identifier: MIT */
/* input_file.c -- reading all bytes of a range of a regular file. */
#include "runtime/io/input_file.h"

#include <unistd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/open_file.h"

sluice_status sluice__input_open(sluice__input_file *out, const char *path) {
    sluice__input_file file = {0};
    sluice__file_stamp stamp;
    SLUICE__TRY(sluice__open_file(&file.descriptor, &stamp, path));
    const sluice_status status = sluice__copy_text(&file.path, path);
    if (status != SLUICE_OK) {
        close(file.descriptor);
        return status;
    }
    file.size = (uint64_t)stamp.size;
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
    size_t got = 0;
    SLUICE__TRY(sluice__read_at(&got, to, bytes, file->descriptor, (int64_t)offset, file->path));
    return got == bytes ? SLUICE_OK : refuse_shrunk(file, offset + got);
}
