/* SPDX-License-Identifier: MIT */
/* fuzz.h -- what every fuzz target needs: its entry, and an end for what its oracle refuses. */
#ifndef SLUICE_TESTS_FUZZ_FUZZ_H
#define SLUICE_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "sluice/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static inline void fuzz_fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, sluice_last_error()->what);
    abort();
}

/* What a call that failed `made` is NULL, and it says why. */
static inline void fuzz_check_refusal(const void *made) {
    if (made || sluice_last_error()->what[0] == '\0') fuzz_fail("a refusal without a message");
}

#endif
