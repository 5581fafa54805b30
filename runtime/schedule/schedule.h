/* SPDX-License-Identifier: MIT */
/* schedule.h -- a built schedule's insides, for the generators. */
#ifndef SLUICE_SCHEDULE_SCHEDULE_H
#define SLUICE_SCHEDULE_SCHEDULE_H

#include "sluice/schedule.h"

/* Writes rank r's list (room for 2 m actions, stage r of p) and returns its length. */
typedef int sluice__emit(sluice_action *list, int p, int m, int r);

#endif
