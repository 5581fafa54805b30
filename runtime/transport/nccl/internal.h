/* SPDX-License-Identifier: MIT */
/*
 * internal.h -- private parts of the transport `nccl`: GPUs of one process, a rank on each.
 *
 *   library.c    libnccl, loaded
 *   transport.c  the table; open and close
 *   join.c       a rank's communicators: created, warmed up, finalized or aborted
 *   post.c       sends and receives, alone and in groups
 *   gather.c     the parts of the norm; reports go through the host
 *   poll.c       NCCL's errors as sentences, and waiting for NCCL
 *
 * Every two ranks that exchange anything have a communicator, and all together have one for the
 * gather. A rank's calls all come from its own thread, and its kernels stand in one stream in the
 * order of its program: with strict rendezvous and one kernel resident on each GPU, which is what
 * the verifier assumes, they come to their end. Communicators do not block: whatever may take time
 * is asked about again and again, until it is over, the deadline has passed, or another rank has
 * failed.
 *
 * Events: one for each group of a run. To wait for a later recording of an event, as `local` may,
 * would be to wait for transfers whose partners wait for us.
 */
#ifndef SLUICE_TRANSPORT_NCCL_INTERNAL_H
#define SLUICE_TRANSPORT_NCCL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/device/cuda/cuda.h"
#include "runtime/transport/host_gather.h"
#include "runtime/transport/nccl/library.h"
#include "runtime/transport/transport.h"

/* Two ranks that exchange anything. */
typedef struct sluice__nccl_pair {
    int low, high;
} sluice__nccl_pair;

/* One end of a channel, and the events of its transfers. */
typedef struct sluice__nccl_end {
    sluice_event **over; /* [capacity]: of this run; NULL: not posted yet */
    int capacity, posted;
} sluice__nccl_end;

/* The data of one rank, used by its thread alone between join and leave. */
typedef struct sluice__nccl_rank {
    ncclComm_t *pairs; /* [pair_count]: those that it belongs to and has made; else NULL */
    ncclComm_t all;    /* of the gather */
    sluice_device *device;
    sluice_stream *stream;
    sluice_event **events; /* one for each post that a run may make */
    int event_count, events_used;
    bool groups;   /* between group_begin and group_end */
    bool *touched; /* [pair_count]: by the open group */
    sluice_event *gathered;
    unsigned char
        *gather_there; /* device memory: ranks * gather_max, then buffers to warm up with */
    unsigned char *gather_here; /* pinned: ranks * gather_max */
} sluice__nccl_rank;

struct sluice__transport {
    const sluice__nccl *nccl;
    const sluice_device_ops *ops;
    int ranks, pair_count;
    sluice__nccl_pair *pairs; /* ascending by low, then high */
    int *pair_of;             /* [rank * ranks + rank]: which one; -1 */
    int *first_channel;       /* [from * ranks + to]: where theirs begin; [ranks * ranks]: count */
    sluice__nccl_end *ends;   /* [2 * channel + sends]; each is its own rank's */
    const sluice__world *world;
    size_t *norm_bytes, gather_max; /* of the norm's gather; the most that a rank gives */
    sluice__host_gather *reports;
    sluice__nccl_rank *rank;
    _Atomic double seconds; /* that any call may take */
    atomic_bool aborted;
};

/* ---- join.c ---- */
sluice_status sluice__nccl_join(sluice__transport *transport, int rank, sluice_device *device,
                                sluice_stream *stream, double seconds);
void sluice__nccl_leave(sluice__transport *transport, int rank);

/* ---- post.c ---- */
sluice_status sluice__nccl_post_send(sluice__transport *transport, const sluice__message *message,
                                     const void *buffer, sluice__mark mark);
sluice_status sluice__nccl_post_receive(sluice__transport *transport,
                                        const sluice__message *message, void *buffer,
                                        sluice__mark mark);
sluice_status sluice__nccl_group_begin(sluice__transport *transport, int rank);
sluice_status sluice__nccl_group_end(sluice__transport *transport, int rank);
sluice_status sluice__nccl_wait(sluice__transport *transport, const sluice__transfer_end *at,
                                double seconds, bool *done, sluice_event **over);
/* All transfers are forgotten. */
void sluice__nccl_forget(sluice__transport *transport);

/* ---- gather.c ---- */
/* Issue the all-gather of what is in device memory; returns when it is enqueued. */
sluice_status sluice__nccl_gather(sluice__transport *transport, int rank);
sluice_status sluice__nccl_post_gather(sluice__transport *transport, sluice__gather which, int rank,
                                       const void *mine);
sluice_status sluice__nccl_wait_gather(sluice__transport *transport, sluice__gather which, int rank,
                                       void *all, double seconds, bool *done);

/* ---- poll.c ---- */
/* OK, also for a call in progress, or E_DEVICE with what was attempted and NCCL's reason. */
sluice_status sluice__nccl_status(const sluice__transport *transport, ncclResult_t result,
                                  const char *what);
/* Wait until the communicator has done what it was asked. `what`: for the error. E_DEVICE,
 * E_DEADLINE, E_STOPPED. */
sluice_status sluice__nccl_settle(const sluice__transport *transport, ncclComm_t comm,
                                  const char *what);
/* Wait until an event of the rank's stream has happened. */
sluice_status sluice__nccl_await(sluice__transport *transport, int rank, sluice_event *event,
                                 const char *what);
sluice_status sluice__nccl_poll(sluice__transport *transport, int rank);
/* E_STOPPED if a rank has failed. */
sluice_status sluice__nccl_go_on(const sluice__transport *transport);
void sluice__nccl_nap(void);

#endif
