/* SPDX-License-Identifier: MIT */
/*
 * wire.h -- when transfers between virtual devices are over: one wire per pair of ranks and
 * direction, which its channels share.
 *
 *   posted ---- latency ----> ready ---- waits for the wire, then bytes / bandwidth ----> over
 *
 * Latencies overlap, bytes follow one another, in the order in which transfers are ready. No thread
 * serves the wire: a query computes what is certain by then.
 */
#ifndef SLUICE_TRANSPORT_WIRE_H
#define SLUICE_TRANSPORT_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "sluice/status.h"

typedef struct sluice__wire sluice__wire;

/* `transfers[c]`: how many a run may add to channel c. E_HOST_MEMORY. */
sluice_status sluice__wire_make(sluice__wire **out, const int *transfers, int channels,
                                double latency_s, double bytes_per_s);
void sluice__wire_free(sluice__wire *wire); /* NULL is fine */
/* All transfers are forgotten. */
void sluice__wire_begin(sluice__wire *wire);
/* From any thread: both ends of the channel's next transfer are posted. */
void sluice__wire_add(sluice__wire *wire, int channel, size_t bytes);
/* From any thread: when transfer k of the channel, which was added, is over; false: that is not
 * certain before `*time`, when it can be asked again. */
bool sluice__wire_over(sluice__wire *wire, int channel, int k, double *time);

#endif
