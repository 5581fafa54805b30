/* SPDX-License-Identifier: MIT */
/* position.h -- where a rank is: all that other threads may see of it while it runs. */
#ifndef SLUICE_EXECUTOR_POSITION_H
#define SLUICE_EXECUTOR_POSITION_H

#include <stdatomic.h>

typedef struct sluice__position {
    atomic_int
        at; /* index of the run's instruction; their count when all are issued; -1: not begun */
    atomic_bool awaits;       /* it waits for its device */
    atomic_bool has_finished; /* the task */
} sluice__position;

#endif
