/* SPDX-License-Identifier: MIT */
/* events.h -- order between a rank's streams; trivial where operations are over when they return.
 */
#ifndef SLUICE_EXECUTOR_EVENTS_H
#define SLUICE_EXECUTOR_EVENTS_H

#include "runtime/executor/executor.h"

sluice_status sluice__events_make(sluice__rank *rank);
void sluice__events_free(sluice__rank *rank);
/* A run begins; all streams are idle. */
void sluice__events_begin(sluice__rank *rank);
/* The host waits, up to the pipeline's deadline. */
sluice_status sluice__await(sluice__rank *rank, sluice_event *event);
/* Before, and after, compute instruction n is issued. */
sluice_status sluice__before_compute(sluice__rank *rank);
sluice_status sluice__after_compute(sluice__rank *rank, int n);
/* The rank's transfers come after compute instruction n, or after nothing if that is -1. */
sluice_status sluice__transfers_after(sluice__rank *rank, int n);
/* The mark of the next post. */
sluice__mark sluice__next_mark(sluice__rank *rank);
/* The rank's work comes after a transfer of which it is the sender, or the receiver. */
sluice_status sluice__work_after(sluice__rank *rank, sluice_event *over, bool sends);
/* The host waits until the compute stream is idle. The status of the work that was on it. */
sluice_status sluice__drain(sluice__rank *rank);

#endif
