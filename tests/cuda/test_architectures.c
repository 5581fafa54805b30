/* SPDX-License-Identifier: MIT */
/* test_architectures.c -- which GPUs a build has code for, by CMake's list. */
#include "runtime/device/cuda/cuda.h"
#include "tests/support/support.h"

static const struct {
    const char *list;
    int number;
    bool expected;
} table[] = {
    /* machine code: later ones of the same generation */
    {"80-real", 80, true},
    {"80-real", 86, true},
    {"80-real", 89, true},
    {"80-real", 75, false},
    {"80-real", 90, false},
    {"86-real", 80, false},
    {"100-real", 103, true},
    {"100-real", 120, false},
    /* what a driver compiles: all later ones */
    {"80-virtual", 80, true},
    {"80-virtual", 120, true},
    {"80-virtual", 75, false},
    {"90", 90, true},
    {"90", 100, true},
    {"90", 89, false},
    /* one GPU, one family */
    {"90a", 90, true},
    {"90a-real", 90, true},
    {"90a", 100, false},
    {"100f-real", 103, true},
    {"100f", 110, false},
    /* lists */
    {"80-real,90-real,100-real,120", 75, false},
    {"80-real,90-real,100-real,120", 89, true},
    {"80-real,90-real,100-real,120", 90, true},
    {"80-real,90-real,100-real,120", 110, false},
    {"80-real,90-real,100-real,120", 121, true},
    {"90-real,80-real", 86, true},
    {"native", 75, true},
    {"all-major", 75, true},
};

static void lists_cover_their_gpus(void **state) {
    (void)state;
    for (size_t r = 0; r < sizeof table / sizeof *table; r++) {
        const bool got = sluice__cuda_architecture_is_built(table[r].list, table[r].number);
        if (got != table[r].expected)
            fail_msg("a build for %s has %s code for sm_%d", table[r].list,
                     table[r].expected ? "no" : "", table[r].number);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists_cover_their_gpus)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
