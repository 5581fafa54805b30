/* SPDX-License-Identifier: MIT */
/* events.h -- order between a rank's streams; on the cpu everything has happened. */
#ifndef SLUICE_EXECUTOR_EVENTS_H
#define SLUICE_EXECUTOR_EVENTS_H

#include "runtime/executor/executor.h"

sluice_status sluice__events_make(sluice__rank *rank);
void sluice__events_free(sluice__rank *rank);
/* A run begins; all streams are idle. */
void sluice__events_begin(sluice__rank *rank);
/* The host waits, with the pipeline's deadline. */
sluice_status sluice__await(sluice__rank *rank, sluice_event *event);
/* Before, and after, compute instruction n is issued. */
sluice_status sluice__before_compute(sluice__rank *rank);
sluice_status sluice__after_compute(sluice__rank *rank, int n);
/* The rank's transfers come after compute instruction n, or after nothing if that is -1. */
sluice_status sluice__transfers_after(sluice__rank *rank, int n);
/* For the next post. */
sluice__mark sluice__next_mark(sluice__rank *rank);
/* The rank's work comes after a transfer of which it is the sender, or the receiver. */
sluice_status sluice__work_after(sluice__rank *rank, sluice_event *over, bool sends);
/* The host waits until the compute stream is idle; reports what went wrong there. */
sluice_status sluice__drain(sluice__rank *rank);

#endif
