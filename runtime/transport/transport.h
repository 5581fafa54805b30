/* SPDX-License-Identifier: MIT */
/*
 * transport.h -- the seam through which ranks exchange tensors: one const table per kind.
 *
 * Order is the contract: the k-th send of a channel matches its k-th receive; there are no tags. A
 * channel goes from one rank to another, and there may be several of them: what is posted on one
 * never waits for another. A transfer completes when both ends are posted and everything before it
 * in its queues is complete: strict rendezvous, no buffering anywhere. Numbers k count from the
 * last begin().
 *
 * Posting never blocks. Waiting does, up to a time, and ends at once after abort().
 *
 *   open   join (each rank)   begin   post, wait, gather (each rank) ...   leave (each rank) close
 */
#ifndef SLUICE_TRANSPORT_TRANSPORT_H
#define SLUICE_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/transport/world.h"
#include "sluice/device.h"
#include "sluice/status.h"

typedef struct sluice__transport sluice__transport; /* the channels among all ranks */

/* Channel number `index`, from 0, of those from one rank to another, and how many transfers one run
 * may post on it. Between virtual devices also the cost of the link: all channels from -> to are
 * one link, and have the same. Their latencies overlap, their bytes follow one another (program.h,
 * at sluice_simulation_costs, says in which order). */
typedef struct sluice__channel {
    int from, to, index, transfers;
    double latency_s, bytes_per_s; /* 0: no time; size does not matter */
} sluice__channel;

/* A stream, on which a post's copy is enqueued if this end copies, and an event of the same device,
 * which the transport records there when this end's buffer is ready or the copy is enqueued. */
typedef struct sluice__mark {
    sluice_stream *stream;
    sluice_event *event;
} sluice__mark;

/* What a post carries, through which channel. `content` says what it is, the same number at both
 * ends: it matches nothing, but a transport that compares refuses two that differ (E_SCHEDULE), as
 * it does two sizes (E_ARGUMENT). */
typedef struct sluice__message {
    int from, to, channel;
    size_t bytes;
    uint64_t content;
} sluice__message;

/* Transfer k of a channel, as its sender or its receiver sees it. */
typedef struct sluice__transfer_end {
    int from, to, channel, k;
    bool sends;
} sluice__transfer_end;

/* What every rank provides to the others. */
typedef enum sluice__gather {
    SLUICE__GATHER_NORM   = 0, /* losses and partial sums of squares, before an update */
    SLUICE__GATHER_REPORT = 1  /* how the run went, at its end */
} sluice__gather;
enum { SLUICE__GATHERS = 2 };

typedef struct sluice__transport_ops {
    const char *name;
    /* ---- what it is like ---- */
    bool one_queue; /* for all transfers of a rank, in which a group is one; else one for each
                     * channel */
    bool meets;     /* join() waits for all other ranks; else for none */
    bool compares;  /* it sees both ends of a transfer, and refuses two that differ */
    bool paces;     /* a channel's latency_s and bytes_per_s are kept to; else ignored */
    bool copies;    /* between the memories of devices, which have met before they join */

    /* What it is here, in a few words. E_UNSUPPORTED: it cannot be used, and why. */
    sluice_status (*describe)(char *out, size_t bytes);
    /* For the local ranks of `world`, which must outlive it. `gathers`: bytes that each rank
     * provides in each gather, [SLUICE__GATHERS][ranks]. `ops`: the ranks' device. E_HOST_MEMORY,
     * E_DEVICE, E_UNSUPPORTED: it cannot be used here, and why. */
    sluice_status (*open)(sluice__transport **out, const sluice__world *world,
                          const sluice__channel *channels, int count,
                          const size_t *const gathers[SLUICE__GATHERS],
                          const sluice_device_ops *ops);
    void (*close)(sluice__transport *transport); /* NULL is fine */
    /* Bytes that joining takes on the device of `rank`, in addition to the arenas. */
    size_t (*reserve)(const sluice__channel *channels, int count, int ranks, int rank);

    /* On every rank's thread, once all of them have allocated what they need: whatever the ranks
     * must agree on or connect happens here, in at most `seconds`; a post takes no longer, either.
     * `stream` is that of all marks. Nothing may be allocated or freed between this and
     * leave(), which is called on the same thread, after abort() too; it may be called twice. */
    sluice_status (*join)(sluice__transport *transport, int rank, sluice_device *device,
                          sluice_stream *stream, double seconds);
    void (*leave)(sluice__transport *transport, int rank);
    /* Between runs, with every rank outside: all transfers are forgotten. */
    void (*begin)(sluice__transport *transport);

    /* On rank `from`'s thread, or `to`'s. The buffer is ready when the work now on the mark's
     * stream is done, and in use until the transfer is over: its next user waits for that.
     * E_ARGUMENT for more transfers than the channel has; E_SCHEDULE; E_STOPPED after abort(). */
    sluice_status (*post_send)(sluice__transport *transport, const sluice__message *message,
                               const void *buffer, sluice__mark mark);
    sluice_status (*post_receive)(sluice__transport *transport, const sluice__message *message,
                                  void *buffer, sluice__mark mark);
    /* Posts between these two, all with the same other rank, are issued as one; order among those
     * of different directions does not matter. */
    sluice_status (*group_begin)(sluice__transport *transport, int rank);
    sluice_status (*group_end)(sluice__transport *transport, int rank);
    /* On the thread of that end's rank, until the transfer can complete without the host, at most
     * `seconds`: `*done` says whether it does, and then `*over` is the event of its end, or NULL if
     * it is over. Bytes may move in the two ranks' calls alone: a rank that does something else
     * keeps the other waiting. E_STOPPED after abort(). */
    sluice_status (*wait)(sluice__transport *transport, const sluice__transfer_end *at,
                          double seconds, bool *done, sluice_event **over);
    /* The status of a rank's transfers since they were posted; never blocks. */
    sluice_status (*poll)(sluice__transport *transport, int rank);

    /* Every rank gives its bytes (host memory), at most once per run and gather, when its transfers
     * are over; wait_gather() copies all of them, rank after rank, to the ranks that ask. */
    sluice_status (*post_gather)(sluice__transport *transport, sluice__gather which, int rank,
                                 const void *mine);
    sluice_status (*wait_gather)(sluice__transport *transport, sluice__gather which, int rank,
                                 void *all, double seconds, bool *done);

    /* From any thread, for good: waits end, and leave() does not wait for other ranks. */
    void (*abort)(sluice__transport *transport);
} sluice__transport_ops;

/* Threads of one process; the second has all bytes staged in host memory, the first what devices
 * cannot copy themselves. `nccl` is in the plug-in for GPUs: device/plugin.h. */
const sluice__transport_ops *sluice__transport_local(void);
const sluice__transport_ops *sluice__transport_host(void);

#endif
