/* SPDX-License-Identifier: MIT */
/* paced.h -- devices that compute nothing take the time that a cost table gives. */
#ifndef SLUICE_EXECUTOR_PACED_H
#define SLUICE_EXECUTOR_PACED_H

#include "runtime/executor/executor.h"

/* Check that costs are given, and valid, if and only if the device computes nothing. */
sluice_status sluice__check_pace(const sluice_pipeline *pipeline);
/* Set the latency and bandwidth of a channel in a paced pipeline. */
void sluice__pace_link(const sluice_pipeline *pipeline, sluice__channel *channel);
/* Sleep until the instruction, which began at `begin`, has taken its time; returns at once in a
 * pipeline without costs. */
void sluice__pace(sluice__rank *rank, const sluice_instruction *at, double begin);

#endif
