/* SPDX-License-Identifier: MIT */
/* workers.h -- a thread per rank of this process, and tasks for all of them. */
#ifndef SLUICE_EXECUTOR_WORKERS_H
#define SLUICE_EXECUTOR_WORKERS_H

#include "runtime/executor/executor.h"

sluice_status sluice__workers_start(sluice_pipeline *pipeline);
/* False if a thread is stuck inside a task, or in closing its device. Threads that are not done are
 * then abandoned: they free nothing before the last of them has come back, which calls the
 * pipeline's `destroy`. */
bool sluice__workers_stop(sluice_pipeline *pipeline);
/* Every rank does `task`. Returns when all are done, or when the rest have made no progress for so
 * long that they are stuck: OK, or the first failure. */
sluice_status sluice__workers_do(sluice_pipeline *pipeline, sluice__task *task, void *argument);
/* Whether a rank is still inside the last task, whose argument then stays in use. */
bool sluice__workers_are_stuck(sluice_pipeline *pipeline);

#endif
