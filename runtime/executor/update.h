/* SPDX-License-Identifier: MIT */
/* update.h -- the end of a step: ties are summed, all ranks learn the norm, every rank updates. */
#ifndef SLUICE_EXECUTOR_UPDATE_H
#define SLUICE_EXECUTOR_UPDATE_H

#include "runtime/executor/executor.h"

/* Copy the optimizer's configuration, which the caller may free. */
sluice_status sluice__keep_optimizer(sluice_pipeline *pipeline);
/* Bytes that rank r contributes to the norm's gather. */
size_t sluice__norm_bytes(const sluice_pipeline *pipeline, int r);
/* Memory for the rank's tensors in model order, and for what the norm gathers. */
sluice_status sluice__tensors_make(sluice__rank *rank);
void sluice__tensors_free(sluice__rank *rank);
/* Set the tensors' addresses, after the rank got a new arena. */
void sluice__tensors_bind(sluice__rank *rank);
sluice_status sluice__tie_reduce(sluice__rank *rank, const sluice_instruction *instruction);
sluice_status sluice__norm(sluice__rank *rank);
sluice_status sluice__update(sluice__rank *rank);
/* The losses of an evaluation, on the rank that has them, into its report. */
sluice_status sluice__read_losses(sluice__rank *rank);
/* Ties, the rank's part of the norm and an update, as a warm-up: the results are discarded. */
sluice_status sluice__warm_up_update(sluice__rank *rank);

#endif
