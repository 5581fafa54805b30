/* SPDX-License-Identifier: MIT */
/*
 * transports.h -- what carries tensors between ranks, by name: "local" (copies within this
 * process), "nccl" (between GPUs, one rank on each); "auto" and NULL are the one that reaches every
 * rank here. From any thread. E_ARGUMENT: there is none of that name.
 */
#ifndef SLUICE_TRANSPORTS_H
#define SLUICE_TRANSPORTS_H

#include <stddef.h>

#include "sluice/queues.h"
#include "sluice/status.h"

/* What it is on this machine, in a few words ("NCCL 2.28.9"). E_UNSUPPORTED, E_DEVICE: it cannot be
 * used, and why. */
SLUICE_API sluice_status sluice_transport_describe(char *out, size_t bytes, const char *name);
/* How it orders transfers: what a plan for it must know. Nothing is loaded for the answer. */
SLUICE_API sluice_status sluice_transport_queues(sluice_queues *out, const char *name);

#endif
