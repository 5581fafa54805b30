/* SPDX-License-Identifier: MIT */
/*
 * blas_threads.c -- the BLAS without threads of its own where memory is limited.
 *
 * OpenBLAS starts a thread for each further core while it is loaded, before main(), and each takes
 * memory; one that gets none asks again without end, and the process cannot even exit, which waits
 * for it. What keeps it from starting threads must be in the environment before it is loaded, so
 * the command starts itself again, under the same process id.
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli.h"
#include "ends.h"

static const char variable[] = "OPENBLAS_NUM_THREADS";

static bool is_limited(void) {
    struct rlimit space = {RLIM_INFINITY, RLIM_INFINITY}, data = space;
    (void)getrlimit(RLIMIT_AS, &space);
    (void)getrlimit(RLIMIT_DATA, &data);
    return space.rlim_cur != RLIM_INFINITY || data.rlim_cur != RLIM_INFINITY;
}

/* Without a limit of the process the system may still refuse. */
static bool is_refused(void) {
    const size_t bytes = (size_t)cli_cores() << 27; /* 128 MiB for each */
    void *const trial =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return trial == MAP_FAILED || munmap(trial, bytes) != 0;
}

void cli_limit_blas_threads(char **argv) {
    const char *const set = getenv(variable);
    if (set && strcmp(set, "1") == 0) return;
    if (!dlsym(RTLD_DEFAULT, "openblas_get_config")) return;
    if (!is_limited() && !is_refused()) return;
    char path[PATH_MAX]; /* the link itself would name the process "exe" */
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0 || setenv(variable, "1", 1) != 0) return;
    path[length] = '\0';
    (void)execv(path, argv);
}
