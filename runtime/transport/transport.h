/* SPDX-License-Identifier: MIT */
/*
 * transport.h -- the seam through which ranks exchange tensors: one const table per kind.
 *
 * Order is the contract: the k-th send of a directed link matches its k-th receive; there are no
 * tags. A transfer completes when both ends are posted and every earlier transfer of its link is
 * complete: strict rendezvous, no buffering anywhere. Numbers k count from the last begin().
 *
 * Posting never blocks. Waiting does, up to a time, and ends at once after abort().
 */
#ifndef SLUICE_TRANSPORT_TRANSPORT_H
#define SLUICE_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/device.h"
#include "sluice/status.h"

typedef struct sluice__transport sluice__transport; /* the links among all ranks */

/* How many transfers one run may post on the directed link from -> to. Of virtual devices, also
 * what the link takes for each, from when both ends are posted and the one before is over. */
typedef struct sluice__link {
    int from, to, transfers;
    double latency_s, bytes_per_s; /* 0: no time; size does not matter */
} sluice__link;

/* Where a post's copy is enqueued if it is this end that copies, and an event of the same device:
 * the transport records it there when this end's buffer is ready, or when the copy is enqueued. */
typedef struct sluice__mark {
    sluice_stream *stream;
    sluice_event *event;
} sluice__mark;

typedef struct sluice__transport_ops {
    const char *name;
    /* E_UNSUPPORTED: links shall take time and this transport's cannot.
     * `ops`: the ranks' device. `gathered`: the most doubles of all ranks together in all_gather.
     * E_HOST_MEMORY, E_DEVICE. */
    sluice_status (*open)(sluice__transport **out, int ranks, const sluice__link *links, int count,
                          int gathered, const sluice_device_ops *ops);
    void (*close)(sluice__transport *transport); /* NULL is fine */
    /* Between runs, with every rank outside: all transfers are forgotten. */
    void (*begin)(sluice__transport *transport);

    /* On rank `from`'s thread, or `to`'s. The buffer is ready when the work now on the mark's
     * stream is done, and in use until the transfer is over: who touches it next waits for that.
     * `content` says what is carried, the same number at both ends: it matches nothing, but a
     * transport that sees both refuses two that differ (E_SCHEDULE). */
    sluice_status (*post_send)(sluice__transport *transport, int from, int to, const void *buffer,
                               size_t bytes, uint64_t content, sluice__mark mark);
    sluice_status (*post_receive)(sluice__transport *transport, int from, int to, void *buffer,
                                  size_t bytes, uint64_t content, sluice__mark mark);
    /* Posts between these two are issued as one; order among them does not matter. */
    sluice_status (*group_begin)(sluice__transport *transport, int rank);
    sluice_status (*group_end)(sluice__transport *transport, int rank);
    /* Until both ends of transfer k of the link are posted and its copy is enqueued, at most
     * `seconds`:
     * `*done` says whether that is so, and then `*over` is the event of its end, or NULL if it is
     * over. E_STOPPED after abort(). */
    sluice_status (*wait)(sluice__transport *transport, int from, int to, int k, double seconds,
                          bool *done, sluice_event **over);

    /* Every rank gives `count` doubles (host memory), once per run; wait_gather() hands out all of
     * them, rank after rank. */
    void (*post_gather)(sluice__transport *transport, int rank, const double *mine, int count);
    sluice_status (*wait_gather)(sluice__transport *transport, int rank, double *all,
                                 double seconds, bool *done);

    void (*abort)(sluice__transport *transport); /* from any thread; for good */
} sluice__transport_ops;

/* Threads of one process. */
const sluice__transport_ops *sluice__transport_local(void);

#endif
