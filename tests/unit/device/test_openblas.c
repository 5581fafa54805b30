/* SPDX-License-Identifier: MIT */
/* test_openblas.c -- memory of OpenBLAS for compute threads: as much as is said, and refused in a
 * sentence; no threads of its own, and the environment as it was. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/device/cpu/cpu.h"
#include "tests/support/support.h"

static const size_t mebibyte = (size_t)1 << 20;

/* Bytes of address space of this process. */
static size_t mapped(void) {
    char pages[64];
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_non_null(fgets(pages, sizeof pages, file));
    assert_int_equal(fclose(file), 0);
    return strtoul(pages, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t grows(int threads) {
    const size_t before = mapped();
    assert_ok(sluice__cpu_ops.prepare(threads, "openblas"));
    return mapped() - before;
}

/* Threads of this process. */
static int threads(void) {
    int count         = -2; /* "." and ".." */
    DIR *const folder = opendir("/proc/self/task");
    assert_non_null(folder);
    while (readdir(folder)) count++;
    assert_int_equal(closedir(folder), 0);
    return count;
}

static void it_starts_no_threads(void **state) {
    const char *name = NULL;
    (void)state;
    assert_int_equal(setenv("OPENBLAS_NUM_THREADS", "7", 1), 0);
    assert_ok(sluice_blas_find(&name, "openblas"));
    assert_string_equal(name, "openblas");
    assert_int_equal(threads(), 1);
    assert_string_equal(getenv("OPENBLAS_NUM_THREADS"), "7");
}

/* A second pipeline may name what is used, or nothing. */
static void another_library_is_refused(void **state) {
    (void)state;
    assert_ok(sluice__cpu_ops.prepare(1, "openblas"));
    assert_ok(sluice__cpu_ops.prepare(1, NULL));
    assert_refused(sluice__cpu_ops.prepare(1, "plain"), SLUICE_E_ARGUMENT,
                   "this process multiplies with openblas, and another pipeline asks for plain: "
                   "results depend on the library, so a process uses one");
}

/* Memory that is there already is not obtained again. */
static void as_much_is_obtained_as_is_said(void **state) {
    (void)state;
    const size_t three = sluice__cpu_ops.host_bytes(3, "openblas"),
                 five  = sluice__cpu_ops.host_bytes(5, "openblas");
    assert_in_range(grows(3), three, three + mebibyte);
    assert_in_range(grows(5), five - three, five - three + mebibyte);
    assert_in_range(grows(5), 0, mebibyte);
    assert_in_range(grows(1), 0, mebibyte);
}

static void too_little_memory_is_refused(void **state) {
    (void)state;
    struct rlimit usual, tight;
    assert_int_equal(getrlimit(RLIMIT_AS, &usual), 0);
    tight          = usual;
    tight.rlim_cur = mapped() + 300 * mebibyte;
    assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
    const sluice_status status = sluice__cpu_ops.prepare(9, "openblas"); /* of which 5 are there */
    assert_int_equal(setrlimit(RLIMIT_AS, &usual), 0);
    assert_refused(status, SLUICE_E_HOST_MEMORY,
                   "out of host memory: matrix products on 9 compute threads need 1.12 GiB, 128.00 "
                   "MiB for each, and there is memory for 7");
    assert_non_null(strstr(sluice_last_error()->hint, "ulimit -v limits this process to "));
    assert_ok(sluice__cpu_ops.prepare(9, "openblas"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_starts_no_threads),
        cmocka_unit_test(as_much_is_obtained_as_is_said),
        cmocka_unit_test(too_little_memory_is_refused),
        cmocka_unit_test(another_library_is_refused),
    };
    const char *name = NULL;
    if (sluice_blas_find(&name, "openblas") == SLUICE_E_UNSUPPORTED) {
        printf("skipped: %s\n", sluice_last_error()->what);
        return 77;
    }
    (void)alarm(60); /* a request that is refused may be repeated without end */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
