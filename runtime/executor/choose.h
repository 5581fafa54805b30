/* SPDX-License-Identifier: MIT */
/* choose.h -- the token that a run ends with: chosen where the logits are, reported to all. */
#ifndef SLUICE_EXECUTOR_CHOOSE_H
#define SLUICE_EXECUTOR_CHOOSE_H

#include "runtime/executor/executor.h"

/* ---- on the caller's thread ---- */

/* Before a run: whether its last stage can choose. E_ARGUMENT: the last layer keeps no logits, or
 * there are no tokens; E_UNSUPPORTED: the devices hold nothing. */
sluice_status sluice__check_choice(const sluice_pipeline *pipeline, const sluice_batch *batch,
                                   const sluice_chooser *chooser);

/* ---- on a rank's thread ---- */

/* Host memory for the logits, on the rank that has them. */
sluice_status sluice__choice_make(sluice__rank *rank);
void sluice__choice_free(sluice__rank *rank);
/* After the last run of a batch that ends with a choice, with all work of the device done: the
 * token, into the report of the rank that has the logits. */
sluice_status sluice__choose(sluice__rank *rank);

#endif
