/* SPDX-License-Identifier: MIT */
/* nonfinite.h -- where a loss or gradient that is not a finite number comes from. */
#ifndef SLUICE_EXECUTOR_NONFINITE_H
#define SLUICE_EXECUTOR_NONFINITE_H

#include "runtime/executor/executor.h"

/* The step's loss or norm is not finite: find out where that comes from. E_NONFINITE, or the
 * failure of doing so. */
sluice_status sluice__explain_nonfinite(sluice_pipeline *pipeline, const sluice_batch *batch);

#endif
