/* SPDX-License-Identifier: MIT */
/* host_gather.h -- bytes from every rank of a process to whoever of them wants all: through memory
 * of the host. A transport has one for each kind of gather that it does not do in another way. */
#ifndef SLUICE_TRANSPORT_HOST_GATHER_H
#define SLUICE_TRANSPORT_HOST_GATHER_H

#include <stdbool.h>
#include <stddef.h>

#include "sluice/status.h"

typedef struct sluice__host_gather sluice__host_gather;

/* `bytes[r]`: what rank r gives. E_HOST_MEMORY. */
sluice_status sluice__host_gather_open(sluice__host_gather **out, const size_t *bytes, int ranks);
void sluice__host_gather_close(sluice__host_gather *gather); /* NULL is fine */
/* Between runs, with every rank outside. */
void sluice__host_gather_begin(sluice__host_gather *gather);
/* Once per run, from each rank's thread. */
void sluice__host_gather_post(sluice__host_gather *gather, int rank, const void *mine);
/* What all have given, rank after rank, if they have within `seconds`: `*done`. E_STOPPED after
 * abort. */
sluice_status sluice__host_gather_wait(sluice__host_gather *gather, void *all, double seconds,
                                       bool *done);
/* From any thread, for good: waits end. */
void sluice__host_gather_abort(sluice__host_gather *gather);

#endif
