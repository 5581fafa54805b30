/* SPDX-License-Identifier: MIT */
/* call_census.h -- which call sites of the program call what, and how often, in a scenario without
 * failures. */
#ifndef SLUICE_TESTS_CUDA_CALL_CENSUS_H
#define SLUICE_TESTS_CUDA_CALL_CENSUS_H

#include "scenario.h"

enum { CENSUS_SITES = 256 };

typedef struct census_site {
    emu_site site;
    long before[SCENARIO_END + 1]; /* calls when each phase began */
} census_site;

typedef struct call_census {
    census_site list[CENSUS_SITES];
    int count;
    outcome end;
    int requests; /* requests for host memory */
} call_census;

void census_take(call_census *out, const scenario *s);
long census_calls(const census_site *at, int phase); /* in that phase */
/* It polls whether work is over: how often depends on timing. */
bool census_is_poll(const emu_site *site);
/* It enqueues work: a kernel, a product, a copy. */
bool census_is_work(const emu_site *site);
/* Fails unless a run makes the same calls and has the same bits as before: earlier failures have
 * left nothing behind. */
void census_expect_same(const call_census *usual, const scenario *s);

#endif
