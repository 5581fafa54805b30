/* SPDX-License-Identifier: MIT */
/*
 * transports.h -- what carries tensors between ranks, by name: "local" (copies within this process;
 * between devices that cannot copy to each other, through pinned host memory), "host" (the same,
 * all of them through host memory), "nccl" (between GPUs, one rank on each); "auto" and NULL mean
 * local here. From any thread. E_ARGUMENT: unknown name.
 */
#ifndef SLUICE_TRANSPORTS_H
#define SLUICE_TRANSPORTS_H

#include <stddef.h>

#include "sluice/queues.h"
#include "sluice/status.h"

/* The name of transport number `index`, from 0; NULL past the last. "auto" is not among them. */
SLUICE_API const char *sluice_transport_name(int index);
/* A short description of it on this machine ("NCCL 2.28.9"). E_UNSUPPORTED, E_DEVICE: why it cannot
 * be used. */
SLUICE_API sluice_status sluice_transport_describe(char *out, size_t bytes, const char *name);
/* How it orders transfers, which a plan for it must know. Loads nothing. */
SLUICE_API sluice_status sluice_transport_queues(sluice_queues *out, const char *name);

#endif
