/* SPDX-License-Identifier: MIT */
/*
 * failing_files.c -- a library to preload: call number SLUICE_FAIL_AT of those that write a file,
 * flush it, or change its name fails as on a full disk; with SLUICE_FAIL_HOW=all those after it,
 * too; with SLUICE_FAIL_HOW=kill the process is killed instead, before the call. At the end of the
 * process the number of calls is written to the file SLUICE_FAIL_COUNT. With SLUICE_FAIL_HOW=change
 * only writes count, and number SLUICE_FAIL_AT writes another byte than it should.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;

/* Whether this call is the one. */
static bool fails(void) {
    const char *const at  = getenv("SLUICE_FAIL_AT");
    const char *const how = getenv("SLUICE_FAIL_HOW");
    const long call       = atomic_fetch_add(&calls, 1) + 1;
    const long chosen     = at ? strtol(at, NULL, 10) : 0;
    const bool on         = how && strcmp(how, "all") == 0;
    if (chosen == 0 || call < chosen || (call > chosen && !on)) return false;
    if (how && strcmp(how, "kill") == 0) (void)raise(SIGKILL);
    errno = ENOSPC;
    return true;
}

/* The same for a call that is no write. */
static bool fails_besides(void) {
    const char *const how = getenv("SLUICE_FAIL_HOW");
    return !(how && strcmp(how, "change") == 0) && fails();
}

static bool is_file(int file) {
    struct stat about;
    return fstat(file, &about) == 0 && S_ISREG(about.st_mode);
}

/* `next`, the function of the C library that has this one's name. */
#define NEXT(result, name, ...)                                                                    \
    result (*next)(__VA_ARGS__);                                                                   \
    *(void **)&next = dlsym(RTLD_NEXT, name)

#pragma GCC visibility push(default)

ssize_t write(int file, const void *bytes, size_t count) {
    NEXT(ssize_t, "write", int, const void *, size_t);
    const char *const how = getenv("SLUICE_FAIL_HOW");
    const bool changes    = how && strcmp(how, "change") == 0;
    if (!is_file(file) || file <= STDERR_FILENO || !fails()) return next(file, bytes, count);
    if (!changes) return -1;
    /* Where it may go to the disk directly, as the bytes did. */
    void *other = NULL;
    if (posix_memalign(&other, 4096, count) != 0) return -1;
    memcpy(other, bytes, count);
    *(char *)other ^= 1;
    const ssize_t done = next(file, other, count);
    free(other);
    return done;
}

int fsync(int file) {
    NEXT(int, "fsync", int);
    return fails_besides() ? -1 : next(file);
}

int rename(const char *from, const char *to) {
    NEXT(int, "rename", const char *, const char *);
    return fails_besides() ? -1 : next(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to,
              unsigned int flags) {
    NEXT(int, "renameat2", int, const char *, int, const char *, unsigned int);
    return fails_besides() ? -1 : next(from_folder, from, to_folder, to, flags);
}

int link(const char *from, const char *to) {
    NEXT(int, "link", const char *, const char *);
    return fails_besides() ? -1 : next(from, to);
}

#pragma GCC visibility pop

__attribute__((destructor)) static void write_count(void) {
    const char *const path = getenv("SLUICE_FAIL_COUNT");
    FILE *const file       = path ? fopen(path, "w") : NULL;
    if (!file) return;
    (void)fprintf(file, "%ld\n", atomic_load(&calls));
    (void)fclose(file);
}
