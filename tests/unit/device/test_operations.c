/* SPDX-License-Identifier: MIT */
/*
 * test_operations.c -- every operation of the kind of device named on the command line against
 * float64, with the same bits each time: on the cpu with 1, 2, 3 threads, elsewhere on three
 * streams.
 *
 * Tolerances are relative to the largest expected magnitude of the tensor, and the same for all
 * devices. The tests are in operations/.
 */
#include "tests/unit/device/operations/check.h"
#include "tests/unit/device/operations/tests.h"

static const char *device_name;

static int open_devices(void **state) {
    (void)state;
    count_allocations();
    open_checked(device_name);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
#define X(test) cmocka_unit_test(test),
        OPERATION_TESTS(X)
#undef X
    };
    if (argc < 2 || argc > 3) return 2;
    if (argc == 3) cmocka_set_test_filter(argv[2]); /* a pattern of names */
    device_name = argv[1];
    return cmocka_run_group_tests_name(device_name, tests, open_devices, close_teams);
}
