/* SPDX-License-Identifier: MIT */
/* load.h -- parts of the batch: from the caller's callbacks through host memory to a device. */
#ifndef SLUICE_EXECUTOR_LOAD_H
#define SLUICE_EXECUTOR_LOAD_H

#include "runtime/executor/executor.h"

sluice_status sluice__loads_make(sluice__rank *rank);
void sluice__loads_free(sluice__rank *rank);
/* The callback of each part that the model reads, into `parts` unless that is NULL. E_ARGUMENT: the
 * batch has no part of that name. */
sluice_status sluice__find_parts(const sluice_model *model, const sluice_batch *batch,
                                 sluice_batch_part *parts);
/* Before the F `at`: load all parts of the batch that its stage reads. */
sluice_status sluice__load_parts(sluice__rank *rank, const sluice_instruction *at);

#endif
