/* SPDX-License-Identifier: MIT */
/* paced.h -- devices that compute nothing take the time that a cost table says. */
#ifndef SLUICE_EXECUTOR_PACED_H
#define SLUICE_EXECUTOR_PACED_H

#include "runtime/executor/executor.h"

/* Costs are given, and right, if and only if the device computes nothing. */
sluice_status sluice__check_pace(const sluice_pipeline *pipeline);
/* What the links of a paced pipeline take, into what the transport is opened with. */
void sluice__pace_link(const sluice_pipeline *pipeline, sluice__channel *channel);
/* Sleep until the instruction, begun at `begin` of the clock, has taken its time; of a pipeline
 * without costs nothing. */
void sluice__pace(sluice__rank *rank, const sluice_instruction *at, double begin);

#endif
