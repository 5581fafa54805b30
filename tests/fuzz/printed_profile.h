/* SPDX-License-Identifier: MIT */
/* printed_profile.h -- the oracle of every reader of profiles: what is printed of one parses, and
 * prints the same. */
#ifndef SLUICE_TESTS_FUZZ_PRINTED_PROFILE_H
#define SLUICE_TESTS_FUZZ_PRINTED_PROFILE_H

#include <string.h>

#include "sluice/allocator.h"
#include "sluice/profile.h"
#include "tests/fuzz/fuzz.h"

static inline void fuzz_check_printed_profile(const sluice_profile *profile) {
    char *text = NULL, *again = NULL;
    sluice_profile *same = NULL;
    if (sluice_profile_print(&text, profile) != SLUICE_OK ||
        sluice_profile_parse(&same, text, strlen(text), "printed") != SLUICE_OK ||
        sluice_profile_print(&again, same) != SLUICE_OK || strcmp(text, again) != 0)
        fuzz_fail("what is printed is not the same");
    sluice_text_free(text);
    sluice_text_free(again);
    sluice_profile_free(same);
}

#endif
