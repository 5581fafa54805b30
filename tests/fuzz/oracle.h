/* SPDX-License-Identifier: MIT */
/* oracle.h -- what oracles of several fuzz targets share. */
#ifndef SLUICE_TESTS_FUZZ_ORACLE_H
#define SLUICE_TESTS_FUZZ_ORACLE_H

#include "sluice/profile.h"

/* Print the sentence, with the library's last error, and abort. */
_Noreturn void oracle_fail(const char *what);

/* What is printed of a profile parses, and prints the same. */
void oracle_print(const sluice_profile *profile);

#endif
