/* SPDX-License-Identifier: MIT */
/* connect.h -- which transport joins the ranks; joining and leaving it. */
#ifndef SLUICE_EXECUTOR_CONNECT_H
#define SLUICE_EXECUTOR_CONNECT_H

#include "runtime/executor/executor.h"

/* The transport that the option names. */
sluice_status sluice__choose_transport(sluice_pipeline *pipeline);
/* The channels that the plan's programs use. */
sluice_status sluice__count_channels(sluice_pipeline *pipeline);
sluice_status sluice__open_transport(sluice_pipeline *pipeline);
/* Bytes that it needs on the rank's device, in addition to the arena. */
size_t sluice__transport_reserve(const sluice_pipeline *pipeline, int rank);
/* A task, before anything is allocated. */
sluice_status sluice__meet_rank(sluice__rank *rank, void *unused);
/* A task, once everything is allocated; leaving happens on the rank's thread, too. */
sluice_status sluice__join_rank(sluice__rank *rank, void *unused);
void sluice__leave_transport(const sluice__rank *rank);

#endif
