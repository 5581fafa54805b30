/* SPDX-License-Identifier: MIT */
/*
 * crash.h -- groups of tests in which a crash on any thread says which test, rank and instruction
 * it was. support.h makes cmocka's macros for groups use it.
 *
 * cmocka catches a crash and goes on with the next test, which works on the test's own thread only:
 * on another one the process would end without a word.
 */
#ifndef SLUICE_TESTS_CRASH_H
#define SLUICE_TESTS_CRASH_H

#include <stddef.h>

struct CMUnitTest;

/* As cmocka's function of groups; but tests have no setup of their own, and get their initial state
 * or NULL, not what `setup` makes. */
int run_test_group(const char *group, const struct CMUnitTest *tests, size_t count,
                   int (*setup)(void **state), int (*teardown)(void **state));

#endif
