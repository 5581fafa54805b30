/* SPDX-License-Identifier: MIT */
/* warm_up.h -- a step and an evaluation on dummy data, before the first real ones. */
#ifndef SLUICE_EXECUTOR_WARM_UP_H
#define SLUICE_EXECUTOR_WARM_UP_H

#include "runtime/executor/executor.h"

/* Before: ranks are allocated, and arenas hold nothing. Afterwards arenas hold garbage. */
sluice_status sluice__warm_up(sluice_pipeline *pipeline);

#endif
