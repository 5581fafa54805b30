/* SPDX-License-Identifier: MIT */
/* load.h -- parts of the batch: from the caller's callbacks through host memory to a device. */
#ifndef SLUICE_EXECUTOR_LOAD_H
#define SLUICE_EXECUTOR_LOAD_H

#include "runtime/executor/executor.h"

sluice_status sluice__loads_make(sluice__rank *rank);
void sluice__loads_free(sluice__rank *rank);
/* Before a run: which callback of the batch fills each part that the model reads. E_ARGUMENT: the
 * batch has no part of that name, or no callback for it. */
sluice_status sluice__find_parts(sluice_pipeline *pipeline, const sluice_batch *batch);
/* Before the F `at`: load all parts of the batch that its stage reads. */
sluice_status sluice__load_parts(sluice__rank *rank, const sluice_instruction *at);

#endif
