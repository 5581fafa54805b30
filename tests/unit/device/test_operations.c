/* SPDX-License-Identifier: MIT */
/*
 * test_operations.c DEVICE [bf16] [PATTERN] -- every operation of the kind of device named on the
 * command line against float64, with the same bits each time: on the cpu with 1, 2, 3 threads,
 * elsewhere on three streams.
 *
 * Tolerances are relative to the largest expected magnitude of the tensor, and the same for all
 * devices. The tests are in operations/.
 */
#include "tests/unit/device/operations/check.h"
#include "tests/unit/device/operations/tests.h"

static const char *device_name;
static sluice_precision precision = SLUICE_PRECISION_FP32;

static int open_devices(void **state) {
    (void)state;
    count_allocations();
    open_checked(device_name, precision);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
#define X(test) cmocka_unit_test(test),
        OPERATION_TESTS(X)
#undef X
    };
    if (argc < 2 || argc > 4) return 2;
    device_name        = argv[1];
    const bool is_bf16 = argc > 2 && strcmp(argv[2], "bf16") == 0;
    if (is_bf16) precision = SLUICE_PRECISION_BF16;
    if (argc > 2 + is_bf16) cmocka_set_test_filter(argv[2 + is_bf16]); /* a pattern of names */
    return cmocka_run_group_tests_name(device_name, tests, open_devices, close_teams);
}
