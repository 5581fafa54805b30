/* SPDX-License-Identifier: MIT */
/* folders.c -- folders and the names in them. */
#include "runtime/io/folders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/io/input_file.h"
#include "runtime/io/output.h"
#include "runtime/io/watch.h"

/* What has been done, if it was. */
static sluice_status passed(const char *point, const char *path) {
    sluice__pass(point, path);
    return SLUICE_OK;
}

/* ---- paths ---- */

sluice_status sluice__path_join(char **out, const char *folder, const char *name) {
    sluice__text text          = {0};
    const sluice_status status = name ? sluice__text_add(&text, "%s/%s", folder, name)
                                      : sluice__text_add(&text, "%s", folder);
    return sluice__text_take(out, &text, status);
}

sluice_status sluice__path_parent(char **out, const char *path) {
    sluice__text text          = {0};
    const char *const last     = strrchr(path, '/');
    const int length           = last ? (int)(last - path) : 0;
    const sluice_status status = !last         ? sluice__text_add(&text, ".")
                                 : length == 0 ? sluice__text_add(&text, "/")
                                               : sluice__text_add(&text, "%.*s", length, path);
    return sluice__text_take(out, &text, status);
}

const char *sluice__path_last(const char *path) {
    const char *const slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

sluice_status sluice__path_plain(char **out, const char *path) {
    sluice__text text = {0};
    size_t length     = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    return sluice__text_take(out, &text, sluice__text_add(&text, "%.*s", (int)length, path));
}

bool sluice__path_is_same(const char *one, const char *other) {
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

bool sluice__path_exists(const char *path) {
    struct stat about;
    return lstat(path, &about) == 0;
}

/* ---- changes ---- */

sluice_status sluice__folder_make(const char *path) {
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return passed("made", path);
    return sluice__cannot("create folder", path);
}

sluice_status sluice__folder_sync(const char *path) {
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return sluice__cannot("read folder", path);
    const bool good = fsync(folder) == 0;
    const int why   = errno;
    close(folder);
    errno = why;
    return good ? passed("listed", path) : sluice__cannot("write folder", path);
}

/* Keeps the error of a failure that is being cleaned up after. */
void sluice__path_remove(const char *path) {
    const int file    = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *const folder = file >= 0 ? fdopendir(file) : NULL;
    if (!folder) {
        if (file >= 0) close(file);
        if (unlink(path) == 0) sluice__pass("removed", path);
        return;
    }
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        if (unlinkat(dirfd(folder), entry->d_name, 0) == 0) /* "." and ".." are refused */
            sluice__pass("removed", path);
    closedir(folder);
    if (rmdir(path) == 0) sluice__pass("taken away", path);
}

sluice_status sluice__path_move(const char *from, const char *to) {
    if (rename(from, to) != 0) return sluice__cannot("rename to", to);
    return passed("renamed", to);
}

bool sluice__path_swap(const char *one, const char *other) {
    if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) != 0) return false;
    sluice__pass("renamed", other);
    return true;
}

enum { PIECE = 1 << 20 };

static sluice_status copy_pieces(sluice__output *to, const sluice__input_file *from, void *piece) {
    for (uint64_t at = 0; at < from->size; at += PIECE) {
        const size_t bytes = from->size - at < PIECE ? (size_t)(from->size - at) : PIECE;
        SLUICE__TRY(sluice__input_read(piece, from, at, bytes));
        SLUICE__TRY(sluice__output_write(to, piece, bytes));
    }
    return SLUICE_OK;
}

static sluice_status copy(const char *from, const char *to) {
    sluice__input_file file;
    sluice__output output;
    sluice__checksum sum = {0};
    char *piece          = NULL;
    SLUICE__TRY(sluice__input_open(&file, from));
    sluice_status status = sluice__alloc(&piece, PIECE, 1);
    if (status == SLUICE_OK) status = sluice__output_open(&output, to, to);
    if (status == SLUICE_OK)
        status = sluice__output_close(&sum, &output, copy_pieces(&output, &file, piece));
    sluice__free(piece);
    sluice__input_close(&file);
    return status;
}

sluice_status sluice__path_link(const char *from, const char *to) {
    (void)unlink(to);
    return link(from, to) == 0 ? passed("linked", to) : copy(from, to);
}

/* ---- lists ---- */

static int compare(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static sluice_status add(sluice__listing *to, const char *name) {
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return SLUICE_OK;
    SLUICE__TRY(sluice__grow(&to->list, (size_t)to->count + 1, sizeof *to->list));
    SLUICE__TRY(sluice__copy_text(&to->list[to->count], name));
    to->count++;
    return SLUICE_OK;
}

static sluice_status add_entries(sluice__listing *to, DIR *folder, const char *path) {
    for (const struct dirent *entry;;) {
        errno = 0; /* at the end readdir() leaves it as it is */
        entry = readdir(folder);
        if (!entry) return errno == 0 ? SLUICE_OK : sluice__cannot("read folder", path);
        SLUICE__TRY(add(to, entry->d_name));
    }
}

sluice_status sluice__folder_list(sluice__listing *out, const char *path) {
    DIR *const folder = opendir(path);
    *out              = (sluice__listing){0};
    if (!folder && errno == ENOENT) return SLUICE_OK;
    if (!folder) return sluice__cannot("read folder", path);
    const sluice_status status = add_entries(out, folder, path);
    closedir(folder);
    if (out->count > 1) qsort(out->list, (size_t)out->count, sizeof *out->list, compare);
    return status;
}

void sluice__listing_free(sluice__listing *names) {
    for (int k = 0; k < names->count; k++) sluice__free(names->list[k]);
    sluice__free(names->list);
    *names = (sluice__listing){0};
}
