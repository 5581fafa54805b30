/* SPDX-License-Identifier: MIT */
/* device_times.h -- when each instruction ran on an asynchronous device. */
#ifndef SLUICE_EXECUTOR_DEVICE_TIMES_H
#define SLUICE_EXECUTOR_DEVICE_TIMES_H

#include "runtime/executor/executor.h"

/* Does nothing on devices that are not asynchronous. */
sluice_status sluice__clock_make(sluice__rank *rank, int count);
void sluice__clock_free(sluice__rank *rank);
sluice_status sluice__clock_start(sluice__rank *rank);
sluice_status sluice__clock_begin(sluice__rank *rank, int n);
sluice_status sluice__clock_end(sluice__rank *rank, int n);
/* Before, and after, W of a layer inside a B. */
sluice_status sluice__clock_part(sluice__rank *rank, const sluice_instruction *at, int layer,
                                 bool ends);
/* The rank's times of the step's instructions, from the events, into its report; the compute stream
 * is idle. */
sluice_status sluice__clock_read(sluice__rank *rank);

#endif
