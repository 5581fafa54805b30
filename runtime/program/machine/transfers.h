/* SPDX-License-Identifier: MIT */
/*
 * transfers.h -- the transfers of a program: the k-th send of a channel meets its k-th receive.
 */
#ifndef SLUICE_PROGRAM_TRANSFERS_H
#define SLUICE_PROGRAM_TRANSFERS_H

#include "runtime/program/edges.h"
#include "runtime/program/instruction.h"

/* The transfers of one channel. */
typedef struct sluice__queue {
    int channel;         /* in the table of edges */
    int from, to;        /* ranks */
    int first;           /* index of its first transfer */
    int sends, receives; /* posts; the larger is the number of transfers */
} sluice__queue;

static inline int sluice__queue_length(const sluice__queue *queue) {
    return queue->sends > queue->receives ? queue->sends : queue->receives;
}

typedef struct sluice__transfers {
    int ranks;
    const sluice__edges *edges;             /* borrowed */
    const sluice_instruction *const *lists; /* borrowed */
    const int *counts;                      /* borrowed */
    int *queue_of;         /* [channel]: index into `queues`; -1: nothing is posted there */
    sluice__queue *queues; /* in the order in which the lists first post there */
    int queue_count;
    int count;
    sluice_transfer_times *times; /* [count]: `begin`, `end` -1 at first; `sender_at`,
                                   * `receiver_at`: instruction of the post; -1: there is none */
} sluice__transfers;

/* Count and number the transfers of `lists`, whose own numbers are ignored; every post's edge must
 * join its ranks. Start from {0}; release with sluice__transfers_free(). E_HOST_MEMORY. */
sluice_status sluice__transfers_make(sluice__transfers *out, int ranks, const sluice__edges *edges,
                                     const sluice_instruction *const *lists, const int *counts);
void sluice__transfers_free(sluice__transfers *transfers);

/* The queue that a post or a wait belongs to. */
static inline sluice__queue *sluice__queue_of(const sluice__transfers *transfers,
                                              const sluice_instruction *at) {
    const int channel = transfers->edges->list[at->edge].channel;
    return &transfers->queues[transfers->queue_of[channel]];
}

/* The transfer that a post or a wait belongs to, by the number that it carries. */
static inline int sluice__transfer_of(const sluice__transfers *transfers,
                                      const sluice_instruction *at) {
    return sluice__queue_of(transfers, at)->first + at->transfer;
}

/* The post that describes transfer `t`: its send, or its receive if there is no send. */
const sluice_instruction *sluice__transfer_post(const sluice__transfers *transfers, int t);

/* Turn every `sender_at` and `receiver_at` from the post into the wait for it. */
void sluice__transfers_name_waits(sluice__transfers *transfers);

/* Instruction of the post at the end of transfer `t` that is on `rank`. */
int sluice__post_at(const sluice__transfers *transfers, int t, int rank);

#endif
