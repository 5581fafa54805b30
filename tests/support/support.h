/* SPDX-License-Identifier: MIT */
/* support.h -- what every test uses: cmocka, assertions that speak, seeded random numbers. */
#ifndef SLUICE_TESTS_SUPPORT_H
#define SLUICE_TESTS_SUPPORT_H

#include <assert.h>
#include <regex.h>
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

/* Fail with the library's own words rather than "0 != 5". */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        const sluice_status got_ = (call);                                                         \
        if (got_ != SLUICE_OK)                                                                     \
            fail_msg("%s -> %s: %s (hint: %s)", #call, sluice_status_name(got_),                   \
                     sluice_last_error()->what, sluice_last_error()->hint);                        \
    } while (0)

/* The call fails with `status` and says exactly `text`. */
#define assert_refused(call, expected_status, text)                                                \
    do {                                                                                           \
        const sluice_status got_ = (call);                                                         \
        if (got_ != (expected_status) || strcmp(sluice_last_error()->what, (text)) != 0)           \
            fail_msg("%s -> %s: '%s', expected %s: '%s'", #call, sluice_status_name(got_),         \
                     got_ == SLUICE_OK ? "" : sluice_last_error()->what,                           \
                     sluice_status_name(expected_status), (text));                                 \
    } while (0)

/* Whether the whole of `text` matches an extended regular expression. */
static inline bool test_matches(const char *text, const char *pattern) {
    regex_t compiled;
    char anchored[1024];
    (void)snprintf(anchored, sizeof anchored, "^(%s)$", pattern);
    if (regcomp(&compiled, anchored, REG_EXTENDED | REG_NOSUB) != 0)
        fail_msg("bad pattern %s", anchored);
    const bool matches = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return matches;
}

/* xorshift64*; the seed comes from SLUICE_SEED or is 1, and is printed. */
static inline uint64_t test_seed(void) {
    const char *text    = getenv("SLUICE_SEED");
    const uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
    print_message("seed %llu (set SLUICE_SEED to repeat)\n", (unsigned long long)seed);
    return seed * 2 + 1;
}

static inline uint64_t test_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717ULL;
}

/* Uniform in low..high, both included. */
static inline int test_random_int(uint64_t *state, int low, int high) {
    assert(low <= high);
    return low + (int)(test_random(state) % (uint64_t)(high - low + 1));
}

#endif
