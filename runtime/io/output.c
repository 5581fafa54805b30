/* SPDX-License-Identifier: MIT */
/* output.c -- writing with a checksum, and reading back. */
#include "runtime/io/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

enum { PIECE = 1 << 16 };

static sluice_status cannot(const char *what, const char *path) {
    return sluice__fail(SLUICE_E_IO, "cannot %s '%s': %s", what, path, strerror(errno));
}

static sluice_status make_hash(void **out) {
    XXH3_state_t *const hash = XXH3_createState();
    if (!hash) return sluice__fail(SLUICE_E_HOST_MEMORY, "out of host memory for a checksum");
    XXH3_64bits_reset(hash);
    *out = hash;
    return SLUICE_OK;
}

/* ---- reading ---- */

static sluice_status hash_all(sluice__checksum *out, int file, void *hash, unsigned char *piece,
                              const char *path) {
    out->bytes = 0;
    for (;;) {
        const ssize_t got = read(file, piece, PIECE);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return cannot("read", path);
        if (got == 0) break;
        XXH3_64bits_update(hash, piece, (size_t)got);
        out->bytes += got;
    }
    out->hash = XXH3_64bits_digest(hash);
    return SLUICE_OK;
}

sluice_status sluice__checksum_file(sluice__checksum *out, const char *path) {
    unsigned char *piece = NULL;
    void *hash           = NULL;
    const int file       = open(path, O_RDONLY | O_CLOEXEC);
    sluice_status status = SLUICE_OK;
    if (file < 0) return cannot("read", path);
    /* From the disk rather than from memory, where the system can do that. */
    (void)posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    SLUICE__TRY_OUT(make_hash(&hash));
    SLUICE__TRY_OUT(sluice__alloc(&piece, PIECE, 1));
    SLUICE__TRY_OUT(hash_all(out, file, hash, piece, path));
out:
    close(file);
    sluice__free(piece);
    XXH3_freeState(hash);
    return status;
}

/* ---- writing ---- */

sluice_status sluice__output_open(sluice__output *out, const char *path, const char *shown) {
    sluice__output output = {.path = path, .shown = shown};
    SLUICE__TRY(make_hash(&output.hash));
    output.file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (output.file < 0) {
        XXH3_freeState(output.hash);
        return cannot("write", shown);
    }
    *out = output;
    return SLUICE_OK;
}

sluice_status sluice__output_write(sluice__output *output, const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    XXH3_64bits_update(output->hash, bytes, count);
    output->bytes += (int64_t)count;
    while (count > 0) {
        const ssize_t done = write(output->file, at, count);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return cannot("write", output->shown);
        at += done;
        count -= (size_t)done;
    }
    return SLUICE_OK;
}

static sluice_status read_back(const sluice__checksum *written, const char *path,
                               const char *shown) {
    sluice__checksum there = {0};
    SLUICE__TRY(sluice__checksum_file(&there, path));
    if (there.bytes == written->bytes && there.hash == written->hash) return SLUICE_OK;
    return sluice__fail(SLUICE_E_IO,
                        "'%s' does not read back as it was written: %lld bytes with checksum "
                        "%016llx, not %lld with %016llx",
                        shown, (long long)there.bytes, (unsigned long long)there.hash,
                        (long long)written->bytes, (unsigned long long)written->hash);
}

sluice_status sluice__output_close(sluice__checksum *out, sluice__output *output,
                                   sluice_status status) {
    const sluice__checksum written = {output->bytes, XXH3_64bits_digest(output->hash)};
    XXH3_freeState(output->hash);
    if (status == SLUICE_OK && fsync(output->file) != 0) status = cannot("write", output->shown);
    if (close(output->file) != 0 && status == SLUICE_OK) status = cannot("write", output->shown);
    if (status == SLUICE_OK) status = read_back(&written, output->path, output->shown);
    if (status == SLUICE_OK) *out = written;
    return status;
}
