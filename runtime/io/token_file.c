/* SPDX-License-Identifier: MIT */
/* token_file.c -- writing token files: the header last, then the name. */
#include "runtime/io/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/io/folders.h"
#include "runtime/io/watch.h"

static sluice_status write_at(const sluice__token_file *to, const unsigned char *bytes,
                              size_t count, int64_t at) {
    while (count > 0) {
        const ssize_t done = pwrite(to->file, bytes, count, at);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return sluice__cannot("write", to->path);
        bytes += done;
        at += done;
        count -= (size_t)done;
    }
    return SLUICE_OK;
}

/* A device must not be replaced by a file. */
static sluice_status check_path(const char *path) {
    struct stat about;
    if (stat(path, &about) != 0 || S_ISREG(about.st_mode)) return SLUICE_OK;
    sluice__fail(SLUICE_E_IO, "'%s' is no regular file, which a token file has to be", path);
    return sluice__hint(SLUICE_E_IO, "name another file");
}

/* Another process may be writing the same file. */
static sluice_status take_alone(int file, const char *path) {
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        sluice__fail(SLUICE_E_IO, "'%s' is being written by another process", path);
        return sluice__hint(SLUICE_E_IO, "wait for it, or name another file");
    }
    return ftruncate(file, 0) == 0 ? SLUICE_OK : sluice__cannot("write", path);
}

sluice_status sluice__token_file_begin(sluice__token_file *out, const char *path, int width) {
    sluice__token_file made = {.path = path, .head = {.width = width}};
    sluice__text text       = {0};
    SLUICE__TRY(check_path(path));
    SLUICE__TRY(sluice__text_add(&text, "%s.part", path));
    made.temporary = text.bytes;
    made.file      = open(made.temporary, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    const sluice_status status =
        made.file < 0 ? sluice__cannot("write", path) : take_alone(made.file, path);
    if (status != SLUICE_OK) {
        if (made.file >= 0) (void)close(made.file);
        sluice__free(made.temporary);
        return status;
    }
    sluice__pass("begun", made.temporary);
    *out = made;
    return SLUICE_OK;
}

sluice_status sluice__token_file_add(sluice__token_file *file, const unsigned char *bytes,
                                     int64_t count) {
    const int64_t at = SLUICE__TOKEN_HEADER + file->head.width * file->head.count;
    SLUICE__TRY(write_at(file, bytes, (size_t)count * (size_t)file->head.width, at));
    file->head.count += count;
    return SLUICE_OK;
}

static sluice_status finish(sluice__token_file *file) {
    unsigned char head[SLUICE__TOKEN_HEADER];
    sluice__token_head_write(head, &file->head);
    SLUICE__TRY(write_at(file, head, sizeof head, 0));
    sluice__pass("written", file->temporary);
    if (fsync(file->file) != 0) return sluice__cannot("write", file->path);
    sluice__pass("flushed", file->temporary);
    return SLUICE_OK;
}

sluice_status sluice__token_file_end(sluice__token_file *file, sluice_status status) {
    if (status == SLUICE_OK) status = finish(file);
    if (close(file->file) != 0 && status == SLUICE_OK) status = sluice__cannot("write", file->path);
    if (status == SLUICE_OK) status = sluice__path_move(file->temporary, file->path);
    if (status != SLUICE_OK) (void)unlink(file->temporary);
    sluice__free(file->temporary);
    return status;
}
