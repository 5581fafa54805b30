/* SPDX-License-Identifier: MIT */
/* golden.c -- reads, compares and rewrites golden files. */
#include "tests/support/golden.h"

static void golden_bless(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    if (!file || fputs(text, file) == EOF || fclose(file) != 0) fail_msg("cannot write %s", path);
}

/* Print the first line in which they differ, and its number. */
static void golden_differs(const char *name, const char *text, const char *expected) {
    int line = 1;
    for (size_t at = 0, start = 0; text[at] || expected[at]; at++) {
        if (text[at] == expected[at]) {
            if (text[at] == '\n') line++, start = at + 1;
            continue;
        }
        fail_msg("%s differs in line %d:\n%.*s\nexpected:\n%.*s\nif intended: SLUICE_BLESS=1, and "
                 "review the diff",
                 name, line, (int)strcspn(text + start, "\n"), text + start,
                 (int)strcspn(expected + start, "\n"), expected + start);
    }
}

void assert_golden(const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, SLUICE_GOLDEN "/%s", name);
    if (getenv("SLUICE_BLESS")) golden_bless(path, text);
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("there is no %s; SLUICE_BLESS=1 writes it", path);
    const size_t capacity = strlen(text) + (1 << 16);
    char *expected        = calloc(capacity, 1);
    assert_non_null(expected);
    (void)!fread(expected, 1, capacity - 1, file);
    fclose(file);
    golden_differs(name, text, expected);
    free(expected);
}
