/* SPDX-License-Identifier: MIT */
/* queues.h -- how a transport orders transfers: what a program must know of it. */
#ifndef SLUICE_QUEUES_H
#define SLUICE_QUEUES_H

/*
 * How a transport orders transfers. It is strict rendezvous in both: a transfer begins when both
 * ends are posted and everything before it in its queues is complete; nothing is buffered.
 *
 * A channel is a queue from one rank to another. There is one for each pair of stages that an edge
 * joins, so that what passes one stage boundary never waits for what passes another.
 */
typedef enum sluice_queues {
    SLUICE_QUEUES_PER_CHANNEL = 0, /* local, mpi */
    SLUICE_QUEUES_PER_RANK    = 1  /* one for all communication of a rank, in which posts of one
                                    * group are issued as one: nccl, with a stream and a resident
                                    * kernel per GPU */
} sluice_queues;

#endif
