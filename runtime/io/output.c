/* SPDX-License-Identifier: MIT */
/* output.c -- writing with a checksum, past the cache of the system, and reading back. */
#include "runtime/io/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/open_file.h"
#include "runtime/io/watch.h"

sluice__watcher *sluice__watching;

/* Bytes that are read or written at once, and the boundary in memory and files at which a disk
 * reads and writes them by itself. */
enum { PIECE = 1 << 20, BOUNDARY = 4096 };

static sluice_status make_hash(void **out) {
    XXH3_state_t *const hash = XXH3_createState();
    if (!hash) return sluice__fail(SLUICE_E_HOST_MEMORY, "out of host memory for a checksum");
    XXH3_64bits_reset(hash);
    *out = hash;
    return SLUICE_OK;
}

/* Without the copy in the system's cache: that takes a core as long as the disk needs, and what is
 * read from there may never have been on the disk. Not all file systems have it. */
static void go_direct(int file, bool on) {
    const int flags = fcntl(file, F_GETFL);
    if (flags >= 0) (void)fcntl(file, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT);
}

/* Go through the cache after all: what the disk refuses is at no boundary of its own. False: it
 * already does. */
static bool go_back(int file) {
    const int flags = fcntl(file, F_GETFL);
    return flags >= 0 && (flags & O_DIRECT) && fcntl(file, F_SETFL, flags & ~O_DIRECT) == 0;
}

/* `*piece` is in `*block`, which the caller frees. */
static sluice_status make_piece(unsigned char **block, unsigned char **piece) {
    SLUICE__TRY(sluice__alloc(block, PIECE + BOUNDARY, 1));
    *piece = *block + (BOUNDARY - (uintptr_t)*block % BOUNDARY) % BOUNDARY;
    return SLUICE_OK;
}

/* ---- reading ---- */

static sluice_status hash_all(sluice__checksum *out, int file, void *hash, unsigned char *piece,
                              const char *path) {
    out->bytes = 0;
    for (;;) {
        const ssize_t got = read(file, piece, PIECE);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EINVAL && go_back(file)) continue;
        if (got < 0) return sluice__cannot("read", path);
        if (got == 0) break;
        XXH3_64bits_update(hash, piece, (size_t)got);
        out->bytes += got;
    }
    out->hash = XXH3_64bits_digest(hash);
    return SLUICE_OK;
}

static sluice_status hash_file(sluice__checksum *out, const char *path, bool direct) {
    unsigned char *block = NULL, *piece = NULL;
    void *hash           = NULL;
    int file             = -1;
    sluice_status status = SLUICE_OK;
    SLUICE__TRY(sluice__open_file(&file, NULL, path));
    /* From the disk rather than from memory, where the system can do that. */
    (void)posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    if (direct) go_direct(file, true);
    SLUICE__TRY_OUT(make_hash(&hash));
    SLUICE__TRY_OUT(make_piece(&block, &piece));
    SLUICE__TRY_OUT(hash_all(out, file, hash, piece, path));
out:
    close(file);
    sluice__free(block);
    XXH3_freeState(hash);
    return status;
}

/* What has been checked is read next: it may stay in memory. */
sluice_status sluice__checksum_file(sluice__checksum *out, const char *path) {
    return hash_file(out, path, false);
}

/* ---- writing ---- */

static void free_buffers(sluice__output *output) {
    XXH3_freeState(output->hash);
    sluice__free(output->block);
}

static sluice_status open_output(sluice__output *output) {
    SLUICE__TRY(make_hash(&output->hash));
    SLUICE__TRY(make_piece(&output->block, &output->piece));
    output->file = open(output->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return output->file < 0 ? sluice__cannot("write", output->shown) : SLUICE_OK;
}

sluice_status sluice__output_open(sluice__output *out, const char *path, const char *shown) {
    sluice__output output      = {.path = path, .shown = shown};
    const sluice_status status = open_output(&output);
    if (status != SLUICE_OK) {
        free_buffers(&output);
        return status;
    }
    *out = output;
    sluice__pass("begun", path);
    return SLUICE_OK;
}

static sluice_status write_all(const sluice__output *output, const unsigned char *at,
                               size_t count) {
    while (count > 0) {
        const ssize_t done = write(output->file, at, count);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0 && errno == EINVAL && go_back(output->file)) continue;
        if (done < 0) return sluice__cannot("write", output->shown);
        at += done;
        count -= (size_t)done;
    }
    return SLUICE_OK;
}

/* Write what is in the piece. Only whole ones can go directly to the disk, so that small files
 * never do. */
static sluice_status flush(sluice__output *output) {
    const size_t count = output->used;
    if (count == 0) return SLUICE_OK;
    XXH3_64bits_update(output->hash, output->piece, count);
    output->bytes += (int64_t)count;
    output->used = 0;
    go_direct(output->file, count == PIECE);
    return write_all(output, output->piece, count);
}

sluice_status sluice__output_write(sluice__output *output, const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    while (count > 0) {
        const size_t space = PIECE - output->used, now = count < space ? count : space;
        memcpy(output->piece + output->used, at, now);
        output->used += now;
        at += now;
        count -= now;
        if (output->used == PIECE) SLUICE__TRY(flush(output));
    }
    return SLUICE_OK;
}

static sluice_status read_back(const sluice__checksum *written, const char *path,
                               const char *shown) {
    sluice__checksum there = {0};
    SLUICE__TRY(hash_file(&there, path, true));
    if (there.bytes == written->bytes && there.hash == written->hash) return SLUICE_OK;
    return sluice__fail(SLUICE_E_IO,
                        "'%s' does not read back as it was written: %lld bytes with checksum "
                        "%016llx, not %lld with %016llx",
                        shown, (long long)there.bytes, (unsigned long long)there.hash,
                        (long long)written->bytes, (unsigned long long)written->hash);
}

/* The file is closed in any case. */
static sluice_status flush_to_disk(const sluice__output *output, sluice_status status) {
    if (status == SLUICE_OK) {
        sluice__pass("written", output->path);
        if (fsync(output->file) != 0) status = sluice__cannot("write", output->shown);
    }
    if (close(output->file) != 0 && status == SLUICE_OK)
        status = sluice__cannot("write", output->shown);
    return status;
}

sluice_status sluice__output_close(sluice__checksum *out, sluice__output *output,
                                   sluice_status status) {
    if (status == SLUICE_OK) status = flush(output);
    const sluice__checksum written = {output->bytes, XXH3_64bits_digest(output->hash)};
    free_buffers(output);
    SLUICE__TRY(flush_to_disk(output, status));
    sluice__pass("flushed", output->path);
    SLUICE__TRY(read_back(&written, output->path, output->shown));
    sluice__pass("read back", output->path);
    *out = written;
    return SLUICE_OK;
}
