/* SPDX-License-Identifier: MIT */
/* queues.h -- how a transport orders transfers: what a program must know about it. */
#ifndef SLUICE_QUEUES_H
#define SLUICE_QUEUES_H

/*
 * How a transport orders transfers. Both ways are strict rendezvous: a transfer begins when both
 * ends are posted and everything before it in its queues is complete; nothing is buffered.
 *
 * A channel is a queue from one rank to another. Each pair of stages that an edge joins has one, so
 * that transfers across one stage boundary never wait for those across another.
 */
typedef enum sluice_queues {
    SLUICE_QUEUES_PER_CHANNEL = 0, /* local, host */
    SLUICE_QUEUES_PER_RANK    = 1  /* one for all communication of a rank; posts of one group are
                                    * issued as one: nccl, with a stream and a resident kernel per
                                    * GPU */
} sluice_queues;

#endif
