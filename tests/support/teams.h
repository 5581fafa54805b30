/* SPDX-License-Identifier: MIT */
/* teams.h -- one kind of device opened three times, with 1, 2 and 3 threads if it has threads;
 * while they are open, allocations may be counted (counting.h). */
#ifndef SLUICE_TESTS_TEAMS_H
#define SLUICE_TESTS_TEAMS_H

#include "tests/support/counting.h"
#include "tests/support/support.h"

#include "sluice/device.h"

enum { TEAMS = 3 };
extern const sluice_device_ops *ops;        /* set before they are opened */
extern const sluice_operations *operations; /* of fp32 */
extern sluice_device *devices[TEAMS];
extern sluice_stream *streams[TEAMS];

void open_teams(void);
int close_teams(void **state);

#endif
