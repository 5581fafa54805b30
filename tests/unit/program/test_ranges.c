/* SPDX-License-Identifier: MIT */
/* test_ranges.c -- values of ranges of bytes, set at random, against one value for each byte. */
#include "tests/support/support.h"

#include "runtime/base/alloc.h"
#include "runtime/program/memory/ranges.h"

enum { BYTES = 40, SETS = 60 };

/* The value of a byte; 0: none was set. */
static int64_t value_at(const sluice__ranges *ranges, size_t byte) {
    const int k = sluice__ranges_at(ranges, byte);
    return k < ranges->count && ranges->list[k].begin <= byte ? ranges->list[k].value : 0;
}

static void expect_values(const sluice__ranges *ranges, const int64_t expected[BYTES], int trial,
                          int set) {
    for (size_t byte = 0; byte < BYTES; byte++)
        if (value_at(ranges, byte) != expected[byte])
            fail_msg("trial %d: after %d sets byte %zu has value %lld, expected %lld", trial, set,
                     byte, (long long)value_at(ranges, byte), (long long)expected[byte]);
    for (int k = 1; k < ranges->count; k++)
        if (ranges->list[k].begin < ranges->list[k - 1].end)
            fail_msg("trial %d: after %d sets the ranges %d and %d share bytes", trial, set, k - 1,
                     k);
}

static void ranges_keep_what_is_not_overwritten(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int trial = 0; trial < 100; trial++) {
        int64_t expected[BYTES] = {0};
        sluice__ranges ranges   = {0};
        for (int set = 1; set <= SETS; set++) {
            const int begin = test_random_int(&random, 0, BYTES - 1);
            const int end   = test_random_int(&random, begin + 1, BYTES);
            assert_ok(sluice__ranges_set(&ranges, (size_t)begin, (size_t)end, set));
            for (int byte = begin; byte < end; byte++) expected[byte] = set;
            expect_values(&ranges, expected, trial, set);
        }
        sluice__free(ranges.list);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_keep_what_is_not_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
