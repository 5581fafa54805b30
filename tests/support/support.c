/* SPDX-License-Identifier: MIT */
/* support.c -- patterns and seeded random numbers. */
#include "tests/support/support.h"

#include <regex.h>
#include <time.h>

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

void nap(double seconds) {
    (void)nanosleep(&(struct timespec){0, (long)(seconds * 1e9)}, NULL);
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
