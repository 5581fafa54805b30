/* SPDX-License-Identifier: MIT */
/* look.h -- whether layers' outputs are finite, on a rank's thread. */
#ifndef SLUICE_EXECUTOR_LOOK_H
#define SLUICE_EXECUTOR_LOOK_H

#include "runtime/executor/executor.h"

/* After F of a layer, in a run that looks: note a non-finite input or output in the report. */
sluice_status sluice__look_at(sluice__rank *rank, int layer, const sluice_layer_call *call);

#endif
