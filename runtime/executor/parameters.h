/* SPDX-License-Identifier: MIT */
/* parameters.h -- initial values, reading, writing. */
#ifndef SLUICE_EXECUTOR_PARAMETERS_H
#define SLUICE_EXECUTOR_PARAMETERS_H

#include "runtime/executor/executor.h"

/* A task: arena, staging, memory for times. */
sluice_status sluice__allocate_rank(sluice__rank *rank, void *unused);
void sluice__exchanges_free(sluice_pipeline *pipeline);
/* A task: initial values. */
sluice_status sluice__initialize_rank(sluice__rank *rank, void *unused);

#endif
