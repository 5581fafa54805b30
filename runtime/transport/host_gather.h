/* SPDX-License-Identifier: MIT */
/* host_gather.h -- bytes from every rank of a process to the ranks that ask for all, through host
 * memory. A transport has one for each gather that it does not do otherwise. */
#ifndef SLUICE_TRANSPORT_HOST_GATHER_H
#define SLUICE_TRANSPORT_HOST_GATHER_H

#include <stdbool.h>
#include <stddef.h>

#include "sluice/status.h"

typedef struct sluice__host_gather sluice__host_gather;

/* `bytes[r]`: size of rank r's part. E_HOST_MEMORY. */
sluice_status sluice__host_gather_open(sluice__host_gather **out, const size_t *bytes, int ranks);
void sluice__host_gather_close(sluice__host_gather *gather); /* NULL is fine */
/* Between runs, with every rank outside. */
void sluice__host_gather_begin(sluice__host_gather *gather);
/* Once per run, from each rank's thread. */
void sluice__host_gather_post(sluice__host_gather *gather, int rank, const void *mine);
/* All parts, rank after rank; `*done`: every rank posted its own within `seconds`. E_STOPPED after
 * abort. */
sluice_status sluice__host_gather_wait(sluice__host_gather *gather, void *all, double seconds,
                                       bool *done);
/* From any thread, for good: waits end. */
void sluice__host_gather_abort(sluice__host_gather *gather);

#endif
