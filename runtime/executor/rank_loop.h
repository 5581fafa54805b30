/* SPDX-License-Identifier: MIT */
/* rank_loop.h -- the loop over one rank's instructions. */
#ifndef SLUICE_EXECUTOR_RANK_LOOP_H
#define SLUICE_EXECUTOR_RANK_LOOP_H

#include "runtime/executor/executor.h"

/* A task. */
sluice_status sluice__run_rank(sluice__rank *rank, void *unused);

#endif
