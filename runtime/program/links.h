/* SPDX-License-Identifier: MIT */
/* links.h -- which transfers a schedule needs, and where in each rank's list they are posted. */
#ifndef SLUICE_PROGRAM_LINKS_H
#define SLUICE_PROGRAM_LINKS_H

#include "runtime/program/edges.h"

/* Consecutive actions of a rank that are carried out as one: an overlap group, or one action. */
typedef struct sluice__block {
    int first, count; /* in the schedule's list, compute actions only inside */
} sluice__block;

typedef struct sluice__post {
    bool sends;
    int edge;           /* that is carried */
    int peer, transfer; /* number in its channel */
    int stage;          /* that gives or takes it */
    int microbatch;
    int at;       /* posted before this block of its own rank (== block count: after the last) */
    int block;    /* of a send, its producer's block; of a receive, its consumer's */
    int group;    /* > 0: posts with this number are issued as one */
    int order;    /* of a send: its number among those to its peer, in any channel */
    int released; /* of a send: those to its peer below this number are waited for before its
                   * producer's block */
} sluice__post;

typedef struct sluice__rank_links {
    sluice_action *actions; /* compute actions only */
    int action_count;
    sluice__block *blocks;
    int block_count;
    sluice__post *posts; /* in the order in which they are posted */
    int post_count, post_capacity;
} sluice__rank_links;

/* Every stage runs every micro-batch forward, so that tables of stages x micro-batches are no
 * larger than the schedule itself. E_SCHEDULE names the first that is missing; E_HOST_MEMORY. */
sluice_status sluice__check_forwards(const sluice_schedule *schedule);

/*
 * The posts of every rank. Schedules that name their transfers keep their places. Otherwise a send
 * is posted right after its producer, a receive no later than before the block preceding its
 * consumer; with a queue per channel in the order of the channel's sends, with a queue per rank in
 * one order of all transfers (global_order.c). Release with sluice__links_free().
 * E_SCHEDULE, E_HOST_MEMORY.
 */
sluice_status sluice__links_make(sluice__rank_links **out, const sluice_schedule *schedule,
                                 const sluice__edges *edges, sluice_queues queues);
void sluice__links_free(sluice__rank_links *links, int ranks);
void sluice__rank_links_free(sluice__rank_links *links); /* what is inside */

/* ---- what the files that make them share ---- */

typedef struct sluice__wiring {
    const sluice_schedule *schedule;
    const sluice__edges *edges;
    int ranks, stages, microbatches;
    /* Where each F and each B-or-I is: its block on its rank, or -1. */
    int *block; /* [backward][stage][microbatch] */
} sluice__wiring;

static inline int *sluice__block_of(const sluice__wiring *wiring, bool backward, int stage,
                                    int microbatch) {
    return &wiring->block[((size_t)backward * (size_t)wiring->stages + (size_t)stage) *
                              (size_t)wiring->microbatches +
                          (size_t)microbatch];
}

sluice_status sluice__add_post(sluice__rank_links *rank, const sluice__post *post);
/* Stable, by the block before which they are posted. E_HOST_MEMORY. */
sluice_status sluice__sort_posts(sluice__rank_links *rank);

/* A transfer that a schedule needs but does not name: its send and its receive. */
typedef struct sluice__handover {
    int from, to; /* ranks */
    sluice__post send, receive;
} sluice__handover;
/* That of what `action`, in `block` of its rank, makes for the k-th of the edges that it makes
 * something for; `*exists` is false if it stays on its rank. E_SCHEDULE if nobody uses it. */
sluice_status sluice__find_handover(sluice__handover *out, bool *exists,
                                    const sluice__wiring *wiring, const sluice_action *action,
                                    int k, int block);
/* How many edges an action makes something for. */
int sluice__count_made(const sluice__wiring *wiring, const sluice_action *action);

/* When each rank's blocks end if F, I and W take 1 and transfers nothing (unit_times.c): a list per
 * rank, to be freed one by one; INT64_MAX where a block is never reached. E_HOST_MEMORY. */
sluice_status sluice__unit_times(int64_t **ends, const sluice__wiring *wiring,
                                 const sluice__rank_links *ranks);

/* Set `order` and `released` of every send (outstanding.c). E_HOST_MEMORY. */
sluice_status sluice__release_sends(sluice__rank_links *ranks, const sluice__wiring *wiring);

/* Posts of every rank in one order of all transfers (global_order.c). `*reached` is false, and
 * there are none, if some block can never be reached: the schedule stops over any queues.
 * E_SCHEDULE, E_HOST_MEMORY. */
sluice_status sluice__order_globally(sluice__rank_links *ranks, const sluice__wiring *wiring,
                                     bool *reached);

#endif
