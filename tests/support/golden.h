/* SPDX-License-Identifier: MIT */
/* golden.h -- texts compared with files of tests/golden/; SLUICE_BLESS=1 rewrites those. */
#ifndef SLUICE_TESTS_GOLDEN_H
#define SLUICE_TESTS_GOLDEN_H

#include "tests/support/support.h"

/* Fails unless `text` is the content of the file `name`. */
void assert_golden(const char *name, const char *text);

#endif
