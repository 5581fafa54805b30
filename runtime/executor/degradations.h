/* SPDX-License-Identifier: MIT */
/* degradations.h -- what a pipeline asked the machine for and does without. */
#ifndef SLUICE_EXECUTOR_DEGRADATIONS_H
#define SLUICE_EXECUTOR_DEGRADATIONS_H

#include "runtime/executor/executor.h"

/* Those of threads and cores; before ranks note theirs. */
void sluice__note_degradations(sluice_pipeline *pipeline);
/* A task: what the rank's device could not have. */
sluice_status sluice__note_device(sluice__rank *rank, void *unused);

#endif
