/* SPDX-License-Identifier: MIT */
/* warm_up.h -- the work of a step and of an evaluation, once before the first. */
#ifndef SLUICE_EXECUTOR_WARM_UP_H
#define SLUICE_EXECUTOR_WARM_UP_H

#include "runtime/executor/executor.h"

/* Ranks are allocated, and arenas hold nothing yet; afterwards they hold what nobody wants. */
sluice_status sluice__warm_up(sluice_pipeline *pipeline);

#endif
