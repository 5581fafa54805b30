/* SPDX-License-Identifier: MIT */
/* oracle.c -- fails, and prints a profile twice. */
#include "tests/fuzz/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice/allocator.h"

void oracle_fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, sluice_last_error()->what);
    abort();
}

void oracle_print(const sluice_profile *profile) {
    char *text = NULL, *again = NULL;
    sluice_profile *same = NULL;
    if (sluice_profile_print(&text, profile) != SLUICE_OK ||
        sluice_profile_parse(&same, text, strlen(text), "printed") != SLUICE_OK ||
        sluice_profile_print(&again, same) != SLUICE_OK || strcmp(text, again) != 0)
        oracle_fail("what is printed is not the same");
    sluice_text_free(text);
    sluice_text_free(again);
    sluice_profile_free(same);
}
