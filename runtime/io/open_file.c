/* SPDX-License-Identifier: MIT */
/* open_file.c -- the one place where the library opens the files that it is given to read. */
#include "runtime/io/open_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "sluice/file.h"

sluice__file_stamp sluice__stamp_of(const struct stat *about) {
    return (sluice__file_stamp){about->st_dev, about->st_ino, (int64_t)about->st_size,
                                about->st_mtim};
}

bool sluice__is_same_file(const sluice__file_stamp *a, const sluice__file_stamp *b) {
    return a->device == b->device && a->inode == b->inode;
}

/* ---- open ---- */

static const char *kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return "a folder";
    if (S_ISFIFO(mode)) return "a FIFO";
    return S_ISSOCK(mode) ? "a socket" : "a device";
}

static sluice_status check_kind(const struct stat *about, const char *path) {
    if (S_ISREG(about->st_mode)) return SLUICE_OK;
    sluice__fail(SLUICE_E_IO, "'%s' is %s, not a file", path, kind_of(about->st_mode));
    errno = 0;
    return SLUICE_E_IO;
}

/* Looked at before it is opened, since opening a device may do something, and without waiting,
 * since it may have become a FIFO meanwhile. */
sluice_status sluice__open_file(int *out, sluice__file_stamp *stamp, const char *path) {
    struct stat about;
    if (stat(path, &about) != 0) return sluice__cannot("read", path);
    SLUICE__TRY(check_kind(&about, path));
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) return sluice__cannot("read", path);
    const sluice_status status =
        fstat(file, &about) == 0 ? check_kind(&about, path) : sluice__cannot("read", path);
    if (status != SLUICE_OK) {
        close(file);
        return status;
    }
    if (stamp) *stamp = sluice__stamp_of(&about);
    *out = file;
    return SLUICE_OK;
}

/* ---- read ---- */

sluice_status sluice__read_at(size_t *got, void *to, size_t bytes, int file, int64_t at,
                              const char *path) {
    size_t done = 0;
    while (done < bytes) {
        const int64_t from = at + (int64_t)done;
        const ssize_t more = pread(file, (char *)to + done, bytes - done, (off_t)from);
        if (more < 0 && errno == EINTR) continue;
        if (more < 0)
            return sluice__fail(SLUICE_E_IO, "cannot read '%s' at byte %" PRId64 ": %s", path, from,
                                strerror(errno));
        if (more == 0) break;
        done += (size_t)more;
    }
    *got = done;
    return SLUICE_OK;
}

enum { MAX_TEXT = 1 << 30 }; /* beyond it a wrong name is more likely than such a text */

static sluice_status read_text(char **out, size_t *bytes, int file, int64_t size,
                               const char *path) {
    char *text;
    size_t got = 0;
    if (size > MAX_TEXT)
        return sluice__fail(SLUICE_E_IO,
                            "'%s' has %" PRId64 " bytes; such files have at most %d here", path,
                            size, MAX_TEXT);
    SLUICE__TRY(sluice__alloc(&text, (size_t)size + 1, 1));
    const sluice_status status = sluice__read_at(&got, text, (size_t)size, file, 0, path);
    if (status != SLUICE_OK) {
        sluice__free(text);
        return status;
    }
    *out   = text;
    *bytes = got;
    return SLUICE_OK;
}

sluice_status sluice_file_read(char **out, size_t *bytes, const char *path) {
    int file                 = -1;
    sluice__file_stamp stamp = {0};
    SLUICE__TRY(sluice__open_file(&file, &stamp, path));
    const sluice_status status = read_text(out, bytes, file, stamp.size, path);
    close(file);
    return status;
}
