/* SPDX-License-Identifier: MIT */
/* support.h -- what every test uses: cmocka, assertions with messages, seeded random numbers. */
#ifndef SLUICE_TESTS_SUPPORT_H
#define SLUICE_TESTS_SUPPORT_H

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sluice/status.h"
#include "tests/support/crash.h"

#undef cmocka_run_group_tests
#undef cmocka_run_group_tests_name
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    run_test_group(#tests, tests, sizeof(tests) / sizeof *(tests), setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                  \
    run_test_group(name, tests, sizeof(tests) / sizeof *(tests), setup, teardown)

/* cmocka's assertions print numbers alone; these say what they are of. */
#undef assert_int_equal
#undef assert_true
#undef assert_false
#undef assert_memory_equal
#define assert_int_equal(got, expected)                                                            \
    test_same_number((long long)(got), (long long)(expected), #got, #expected, __FILE__, __LINE__)
#define assert_true(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) fail_msg("this must be true: %s", #condition);                           \
    } while (0)
#define assert_false(condition)                                                                    \
    do {                                                                                           \
        if (condition) fail_msg("this must be false: %s", #condition);                             \
    } while (0)
#define assert_memory_equal(got, expected, bytes)                                                  \
    test_same_bytes(got, expected, bytes, #got, #expected, __FILE__, __LINE__)

void test_same_number(long long got, long long expected, const char *what, const char *with,
                      const char *file, int line);
void test_same_bytes(const void *got, const void *expected, size_t bytes, const char *what,
                     const char *with, const char *file, int line);

/* What a number that is not finite means in a result that is compared; "" for others. */
const char *test_not_finite(double value);

/* Fail with the library's message rather than "0 != 5". */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        const sluice_status got_ = (call);                                                         \
        if (got_ != SLUICE_OK)                                                                     \
            fail_msg("%s -> %s: %s (hint: %s)", #call, sluice_status_name(got_),                   \
                     sluice_last_error()->what, sluice_last_error()->hint);                        \
    } while (0)

/* The call fails with `status` and exactly the message `text`. */
#define assert_refused(call, expected_status, text)                                                \
    do {                                                                                           \
        const sluice_status got_ = (call);                                                         \
        if (got_ != (expected_status) || strcmp(sluice_last_error()->what, (text)) != 0)           \
            fail_msg("%s -> %s: '%s', expected %s: '%s'", #call, sluice_status_name(got_),         \
                     got_ == SLUICE_OK ? "" : sluice_last_error()->what,                           \
                     sluice_status_name(expected_status), (text));                                 \
    } while (0)

void nap(double seconds); /* less than 1 */

/* Whether `text` has what is `expected`, in which one '*' stands for anything. */
bool test_has(const char *text, const char *expected);

/* Whether the whole of `text` matches an extended regular expression. */
bool test_matches(const char *text, const char *pattern);

/* Whether the build has a sanitizer, with which tests are many times as slow. */
bool test_is_sanitized(void);
/* By ThreadSanitizer, which is several times as slow as the others. */
bool test_finds_races(void);
/* Whether case k of many is run: one in so many, fewer with a sanitizer; SLUICE_LONG=1: every one.
 */
bool test_picks(int k, int one_in, int one_in_sanitized);

/* xorshift64*; the seed comes from SLUICE_SEED or is 1, and is printed. */
uint64_t test_seed(void);

uint64_t test_random(uint64_t *state);

/* Uniform in low..high, both included. */
int test_random_int(uint64_t *state, int low, int high);

#endif
