/* SPDX-License-Identifier: MIT */
/* support.c -- patterns and seeded random numbers. */
#include "tests/support/support.h"

#include <math.h>
#include <regex.h>
#include <time.h>

bool test_has(const char *text, const char *expected) {
    const char *const star = strchr(expected, '*');
    char first[256];
    if (!star) return strstr(text, expected) != NULL;
    (void)snprintf(first, sizeof first, "%.*s", (int)(star - expected), expected);
    const char *const at = strstr(text, first);
    return at && strstr(at + strlen(first), star + 1);
}

bool test_matches(const char *text, const char *pattern) {
    regex_t compiled;
    char anchored[1024];
    (void)snprintf(anchored, sizeof anchored, "^(%s)$", pattern);
    if (regcomp(&compiled, anchored, REG_EXTENDED | REG_NOSUB) != 0)
        fail_msg("bad pattern %s", anchored);
    const bool matches = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return matches;
}

void test_same_number(long long got, long long expected, const char *what, const char *with,
                      const char *file, int line) {
    char digits[32];
    if (got == expected) return;
    (void)snprintf(digits, sizeof digits, "%lld", expected);
    const bool is_literal = strcmp(digits, with) == 0;
    print_error("ERROR: %s is %lld, expected %lld%s%s\n", what, got, expected,
                is_literal ? "" : ", that is ", is_literal ? "" : with);
    _fail(file, line);
}

void test_same_bytes(const void *got, const void *expected, size_t bytes, const char *what,
                     const char *with, const char *file, int line) {
    const unsigned char *const a = got, *const b = expected;
    size_t first = 0, differ = 0;
    for (size_t k = bytes; k-- > 0;)
        if (a[k] != b[k]) first = k, differ++;
    if (differ == 0) return;
    print_error("ERROR: %s is not %s: %zu of %zu bytes differ, the first is byte %zu, which is "
                "0x%02x and must be 0x%02x\n",
                what, with, differ, bytes, first, a[first], b[first]);
    _fail(file, line);
}

const char *test_not_finite(double value) {
    return isfinite(value) ? ""
                           : " (not a finite number: something was read before it was written, or "
                             "before its transfer was over)";
}

void nap(double seconds) {
    (void)nanosleep(&(struct timespec){0, (long)(seconds * 1e9)}, NULL);
}

bool test_is_sanitized(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#else
    return false;
#endif
}

bool test_finds_races(void) {
#if defined(__SANITIZE_THREAD__)
    return true;
#else
    return false;
#endif
}

bool test_picks(int k, int one_in, int one_in_sanitized) {
    return getenv("SLUICE_LONG") || k % (test_is_sanitized() ? one_in_sanitized : one_in) == 0;
}

uint64_t test_seed(void) {
    const char *text    = getenv("SLUICE_SEED");
    const uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
    print_message("seed %llu (set SLUICE_SEED to repeat)\n", (unsigned long long)seed);
    return seed * 2 + 1;
}

uint64_t test_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717ULL;
}

int test_random_int(uint64_t *state, int low, int high) {
    assert(low <= high);
    return low + (int)(test_random(state) % (uint64_t)(high - low + 1));
}
