/* SPDX-License-Identifier: MIT */
/* random_schedule.h -- schedules that can run, in random order: the next action is drawn from a
 * list of those that are ready. */
#ifndef SLUICE_TESTS_RANDOM_SCHEDULE_H
#define SLUICE_TESTS_RANDOM_SCHEDULE_H

#include "tests/support/schedule_tools.h"

enum { RANDOM_RANKS = 6, RANDOM_STAGES = 12, RANDOM_MICROBATCHES = 6 }; /* at most */

/* Any stage may be on any rank; B, or I and W, by stage. */
sluice_schedule *make_random_schedule(uint64_t *random);

#endif
