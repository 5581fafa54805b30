/* SPDX-License-Identifier: MIT */
/* teams.c -- opens and closes the devices. */
#include "tests/support/teams.h"

#include "sluice/allocator.h"

const sluice_device_ops *ops;
const sluice_operations *operations;
sluice_device *devices[TEAMS];
sluice_stream *streams[TEAMS];

void open_teams(void) {
    operations = ops->operations(SLUICE_PRECISION_FP32);
    assert_non_null(operations);
    for (int t = 0; t < TEAMS; t++) {
        assert_ok(ops->open(&devices[t], 0, t + 1, 0, false));
        assert_ok(ops->stream_create(&streams[t], devices[t], SLUICE_STREAM_COMPUTE));
    }
}

int close_teams(void **state) {
    (void)state;
    for (int t = 0; t < TEAMS; t++) {
        ops->stream_destroy(streams[t]);
        ops->close(devices[t]);
    }
    sluice_allocator_set(NULL);
    return 0;
}
