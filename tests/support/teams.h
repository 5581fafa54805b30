/* SPDX-License-Identifier: MIT */
/* teams.h -- one kind of device opened three times, with 1, 2 and 3 threads where it has those; as
 * long as they are open allocations may be counted (counting.h). */
#ifndef SLUICE_TESTS_TEAMS_H
#define SLUICE_TESTS_TEAMS_H

#include "tests/support/counting.h"
#include "tests/support/support.h"

#include "sluice/device.h"

enum { TEAMS = 3 };
static const sluice_device_ops *ops; /* set before they are opened */
static sluice_device *devices[TEAMS];
static sluice_stream *streams[TEAMS];

static void open_teams(void) {
    for (int t = 0; t < TEAMS; t++) {
        assert_ok(ops->open(&devices[t], 0, t + 1, 0, false));
        assert_ok(ops->stream_create(devices[t], SLUICE_STREAM_COMPUTE, &streams[t]));
    }
}

static int close_teams(void **state) {
    (void)state;
    for (int t = 0; t < TEAMS; t++) {
        ops->stream_destroy(streams[t]);
        ops->close(devices[t]);
    }
    sluice_set_allocator(NULL);
    return 0;
}

#endif
