/* SPDX-License-Identifier: MIT */
/* deadline.h -- how long ranks may make no progress: counted from the end of the last instruction
 * of any rank of this process. */
#ifndef SLUICE_EXECUTOR_DEADLINE_H
#define SLUICE_EXECUTOR_DEADLINE_H

#include <stdatomic.h>

typedef struct sluice__deadline {
    double seconds;
    atomic_llong progress_ns; /* when anything was last finished */
} sluice__deadline;

/* Something is finished: the deadline counts from now. */
void sluice__progress(sluice__deadline *deadline);
/* Seconds that a wait may still take; below 0 when it has passed. */
double sluice__patience(const sluice__deadline *deadline);

#endif
