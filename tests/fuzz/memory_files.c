/* SPDX-License-Identifier: MIT */
/* memory_files.c -- stands between the library and the C library (linker option --wrap): calls
 * about files below FUZZ_FOLDER end here, others go on to the system. */
#include "tests/fuzz/memory_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { MAX_FILES = 64, MAX_OPEN = 64, PATH_BYTES = 512, FIRST_NUMBER = 1 << 20 };

typedef struct memory_file {
    char path[PATH_BYTES]; /* empty: the slot is free */
    uint8_t *bytes;        /* stays with the slot */
    size_t count, capacity;
} memory_file;

typedef struct open_memory {
    memory_file *file; /* NULL: the number is free */
    size_t at;
} open_memory;

typedef struct folder_list {
    char path[PATH_BYTES];
    struct dirent entry;
    int next;
    bool is_open;
} folder_list;

static memory_file files[MAX_FILES], a_folder;
static open_memory numbers[MAX_OPEN];
static folder_list listed;
static bool hides_system;

/* ---- files ---- */

void fuzz_hide_system(bool hidden) {
    hides_system = hidden;
}

void fuzz_clear(void) {
    for (int k = 0; k < MAX_FILES; k++) files[k].path[0] = '\0';
}

/* The C library's functions are hooked by fuzzers, which learn from what is compared. */
static size_t alike(const char *a, const char *b) {
    size_t count = 0;
    while (a[count] == b[count] && a[count] != '\0') count++;
    return count;
}

static bool is_same(const char *a, const char *b) {
    const size_t count = alike(a, b);
    return a[count] == b[count];
}

static bool is_in(const char *path, const char *folder) {
    const size_t count = alike(path, folder);
    return folder[count] == '\0' && path[count] == '/';
}

static bool is_memory(const char *path) {
    return hides_system || is_same(path, FUZZ_FOLDER) || is_in(path, FUZZ_FOLDER);
}

static memory_file *find(const char *path) {
    for (int k = 0; k < MAX_FILES; k++)
        if (files[k].path[0] != '\0' && is_same(files[k].path, path)) return &files[k];
    for (int k = 0; k < MAX_FILES; k++)
        if (files[k].path[0] != '\0' && is_in(files[k].path, path)) return &a_folder;
    errno = ENOENT;
    return NULL;
}

static memory_file *make(const char *path) {
    memory_file *file = find(path);
    if (file) return file;
    for (int k = 0; k < MAX_FILES; k++) {
        if (files[k].path[0] != '\0') continue;
        const size_t bytes = strlen(path) + 1;
        if (bytes > PATH_BYTES) break;
        memcpy(files[k].path, path, bytes);
        files[k].count = 0;
        return &files[k];
    }
    fuzz_fail("too many files in memory, or too long a path");
    return NULL;
}

static void write_at(memory_file *file, size_t at, const void *bytes, size_t count) {
    if (at + count > file->capacity) {
        file->capacity = 2 * (at + count);
        file->bytes    = realloc(file->bytes, file->capacity);
        if (!file->bytes) fuzz_fail("no memory for a file");
    }
    if (count > 0) memcpy(file->bytes + at, bytes, count);
    if (at + count > file->count) file->count = at + count;
}

const char *fuzz_put(const char *name, const void *bytes, size_t count) {
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, FUZZ_FOLDER "/%s", name);
    return fuzz_put_at(path, bytes, count);
}

const char *fuzz_put_at(const char *path, const void *bytes, size_t count) {
    memory_file *const file = make(path);
    if (file == &a_folder) fuzz_fail("a folder is in the way of a file");
    file->count = 0;
    write_at(file, 0, bytes, count);
    return file->path;
}

static void describe(struct stat *out, const memory_file *file) {
    memset(out, 0, sizeof *out);
    out->st_dev  = 1;
    out->st_mode = file == &a_folder ? S_IFDIR | 0700 : S_IFREG | 0600;
    out->st_ino  = file == &a_folder ? 1 : (ino_t)(file - files + 2);
    out->st_size = (off_t)file->count;
}

/* ---- numbers of open files ---- */

static open_memory *opened(int number) {
    if (number < FIRST_NUMBER || number >= FIRST_NUMBER + MAX_OPEN) return NULL;
    open_memory *const it = &numbers[number - FIRST_NUMBER];
    if (!it->file) fuzz_fail("a file is used that is not open");
    return it;
}

static int open_file(memory_file *file) {
    for (int n = 0; n < MAX_OPEN; n++)
        if (!numbers[n].file) {
            numbers[n] = (open_memory){file, 0};
            return FIRST_NUMBER + n;
        }
    fuzz_fail("too many open files: one is not closed");
    return -1;
}

static size_t read_from(const memory_file *file, void *to, size_t count, size_t at) {
    const size_t left = at < file->count ? file->count - at : 0, got = count < left ? count : left;
    if (got > 0) memcpy(to, file->bytes + at, got);
    return got;
}

/* ---- what the linker calls instead of the system ---- */

#define SYSTEM(result, name, ...)                                                                  \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

SYSTEM(int, stat, const char *path, struct stat *out) {
    if (!is_memory(path)) return __real_stat(path, out);
    const memory_file *const file = find(path);
    if (file) describe(out, file);
    return file ? 0 : -1;
}

SYSTEM(int, lstat, const char *path, struct stat *out) {
    return is_memory(path) ? __wrap_stat(path, out) : __real_lstat(path, out);
}

SYSTEM(int, fstat, int number, struct stat *out) {
    const open_memory *const it = opened(number);
    if (!it) return __real_fstat(number, out);
    describe(out, it->file);
    return 0;
}

SYSTEM(int, access, const char *path, int mode) {
    if (!is_memory(path)) return __real_access(path, mode);
    return find(path) ? 0 : -1;
}

SYSTEM(int, open, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (!is_memory(path)) return __real_open(path, flags, mode);
    if (hides_system && flags & O_CREAT) fuzz_fail("a file would be written");
    memory_file *const file = flags & O_CREAT ? make(path) : find(path);
    if (!file) return -1;
    if (flags & O_TRUNC) file->count = 0;
    return open_file(file);
}

SYSTEM(int, close, int number) {
    open_memory *const it = opened(number);
    if (!it) return __real_close(number);
    it->file = NULL;
    return 0;
}

SYSTEM(ssize_t, pread, int number, void *to, size_t count, off_t at) {
    const open_memory *const it = opened(number);
    if (!it) return __real_pread(number, to, count, at);
    return (ssize_t)read_from(it->file, to, count, (size_t)at);
}

SYSTEM(ssize_t, read, int number, void *to, size_t count) {
    open_memory *const it = opened(number);
    if (!it) return __real_read(number, to, count);
    if (it->file == &a_folder) {
        errno = EISDIR;
        return -1;
    }
    const size_t got = read_from(it->file, to, count, it->at);
    it->at += got;
    return (ssize_t)got;
}

SYSTEM(ssize_t, write, int number, const void *bytes, size_t count) {
    open_memory *const it = opened(number);
    if (!it) return __real_write(number, bytes, count);
    write_at(it->file, it->at, bytes, count);
    it->at += count;
    return (ssize_t)count;
}

SYSTEM(int, fsync, int number) {
    return opened(number) ? 0 : __real_fsync(number);
}

SYSTEM(int, posix_fadvise, int number, off_t at, off_t count, int advice) {
    return opened(number) ? 0 : __real_posix_fadvise(number, at, count, advice);
}

SYSTEM(int, unlink, const char *path) {
    if (!is_memory(path)) return __real_unlink(path);
    memory_file *const file = find(path);
    if (file) file->path[0] = '\0';
    return file ? 0 : -1;
}

SYSTEM(int, rename, const char *from, const char *to) {
    if (!is_memory(from)) return __real_rename(from, to);
    const memory_file *const file = find(from);
    if (!file) return -1;
    memory_file *const other = make(to);
    other->count             = 0;
    write_at(other, 0, file->bytes, file->count);
    return __wrap_unlink(from);
}

/* ---- folders, of which one at a time is listed ---- */

SYSTEM(DIR *, opendir, const char *path) {
    if (!is_memory(path)) return __real_opendir(path);
    const memory_file *const file = find(path);
    if (!file) return NULL;
    errno = ENOTDIR;
    if (file != &a_folder) return NULL;
    if (listed.is_open) fuzz_fail("a folder is not closed");
    listed = (folder_list){.is_open = true};
    (void)snprintf(listed.path, sizeof listed.path, "%s", path);
    return (DIR *)&listed;
}

/* The name in the folder that is on the way to file n; 0: none, or an earlier file has it, too. */
static size_t name_on_the_way(int n) {
    const size_t start = strlen(listed.path) + 1;
    if (files[n].path[0] == '\0' || !is_in(files[n].path, listed.path)) return 0;
    const size_t length = strcspn(files[n].path + start, "/");
    for (int k = 0; k < n; k++)
        if (files[k].path[0] != '\0' && alike(files[k].path, files[n].path) >= start + length &&
            (files[k].path[start + length] == '/' || files[k].path[start + length] == '\0'))
            return 0;
    return length;
}

SYSTEM(struct dirent *, readdir, DIR *folder) {
    if ((const void *)folder != &listed) return __real_readdir(folder);
    while (listed.next < MAX_FILES) {
        const int n         = listed.next++;
        const size_t length = name_on_the_way(n);
        if (length == 0 || length >= sizeof listed.entry.d_name) continue;
        memcpy(listed.entry.d_name, files[n].path + strlen(listed.path) + 1, length);
        listed.entry.d_name[length] = '\0';
        return &listed.entry;
    }
    return NULL;
}

SYSTEM(int, closedir, DIR *folder) {
    if ((const void *)folder != &listed) return __real_closedir(folder);
    listed.is_open = false;
    return 0;
}
