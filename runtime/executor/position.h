/* SPDX-License-Identifier: MIT */
/* position.h -- where a rank is: the one thing that others may see of it while it runs. */
#ifndef SLUICE_EXECUTOR_POSITION_H
#define SLUICE_EXECUTOR_POSITION_H

#include <stdatomic.h>

typedef struct sluice__position {
    atomic_int at;      /* instruction of the run; its count when all are issued; -1: not begun */
    atomic_bool awaits; /* its device */
    atomic_bool has_finished; /* the task */
} sluice__position;

#endif
