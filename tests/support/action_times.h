/* SPDX-License-Identifier: MIT */
/*
 * action_times.h -- times of a schedule's actions if F, I and W take 1 (B: 2) and transfers take
 * nothing: from the lists alone, without a program, transfers or the simulator.
 */
#ifndef SLUICE_TESTS_ACTION_TIMES_H
#define SLUICE_TESTS_ACTION_TIMES_H

#include "tests/support/support.h"

#include "sluice/schedule.h"

enum { MAX_RANKS = 128 };

typedef struct action_times {
    bool finishes;
    int makespan;
    int begin[MAX_RANKS], busy[MAX_RANKS], end[MAX_RANKS];
    int peak[MAX_RANKS]; /* peak stage-activations: F begun, B or W not ended */
} action_times;

action_times time_actions(const sluice_schedule *schedule);

#endif
