/* SPDX-License-Identifier: MIT */
/* exchange.h -- what a rank asks of the transport in a run: its end of a transfer, and gathers. */
#ifndef SLUICE_EXECUTOR_EXCHANGE_H
#define SLUICE_EXECUTOR_EXCHANGE_H

#include "runtime/executor/executor.h"

/* The rank's end of the transfer that a post or wait is about. */
sluice__transfer_end sluice__end_of(const sluice__rank *rank, const sluice_instruction *at);
/* Provide this rank's bytes. */
sluice_status sluice__give(sluice__rank *rank, sluice__gather which, const void *mine);
/* Wait for the bytes of all ranks, up to the pipeline's deadline; `words` says what for. NULL:
 * until the pipeline fails, for a rank that has finished is not the one to say that others are
 * late. */
sluice_status sluice__gather_all(sluice__rank *rank, sluice__gather which, void *all,
                                 const char *words);

#endif
