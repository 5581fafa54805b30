/* SPDX-License-Identifier: MIT */
/* deadline.h -- how long ranks may make no progress: counted from the end of the last instruction
 * of any rank of this process, or from when this process goes on after it was stopped. */
#ifndef SLUICE_EXECUTOR_DEADLINE_H
#define SLUICE_EXECUTOR_DEADLINE_H

#include <stdatomic.h>

typedef struct sluice__deadline {
    double seconds;
    atomic_llong progress_ns; /* when anything was last finished */
    atomic_llong read_ns;     /* when the clock was last read for a wait */
} sluice__deadline;

/* Seconds that the thread which watches a task sleeps at most, so that a gap between two readings
 * of the clock says that no thread ran. */
#define SLUICE__TICK 0.25

/* Something is finished: the deadline counts from now. */
void sluice__progress(sluice__deadline *deadline);
/* Seconds that a wait may still take; below 0 when it has passed. */
double sluice__patience(sluice__deadline *deadline);

#endif
