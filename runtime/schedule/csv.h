/* SPDX-License-Identifier: MIT */
/* csv.h -- the syntax that the reader and the writer of schedules share. */
#ifndef SLUICE_SCHEDULE_CSV_H
#define SLUICE_SCHEDULE_CSV_H

#include "sluice/schedule.h"

/* Follows the actions of a group: "(0F7;7B3)OVERLAP_F_B". */
#define SLUICE__OVERLAP "OVERLAP_F_B"

#endif
