/* SPDX-License-Identifier: MIT */
/* large_run.h -- what one large schedule takes. */
#ifndef SLUICE_BENCH_LARGE_RUN_H
#define SLUICE_BENCH_LARGE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct large_setting {
    const char *schedule;
    int ranks, microbatches;
} large_setting;

/* As `sluice simulate` does. */
enum { LARGE_GENERATE, LARGE_COMPILE, LARGE_SIMULATE, LARGE_DRAW, LARGE_PARTS };

typedef struct large_part {
    double seconds; /* of the core that it runs on */
    size_t bytes;   /* resident, at most, over those before the first part; what stays of earlier
                       parts is in it */
} large_part;

typedef struct large_result {
    large_part parts[LARGE_PARTS];
    int64_t actions;
    long faults; /* of pages, without the kernel reading from a disk */
} large_result;

/* In a process of its own, so that no memory freed earlier is reused; false if that failed. */
bool large_run(large_result *out, const large_setting *on);

#endif
