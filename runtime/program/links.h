/* SPDX-License-Identifier: MIT */
/* links.h -- which transfers a schedule needs, and where in each rank's list they are posted. */
#ifndef SLUICE_PROGRAM_LINKS_H
#define SLUICE_PROGRAM_LINKS_H

#include "sluice/program.h"

/* Consecutive actions of a rank that are carried out as one: an overlap group, or one action. */
typedef struct sluice__block {
    int first, count; /* in the schedule's list, compute actions only inside */
} sluice__block;

typedef struct sluice__post {
    bool sends;
    int peer, transfer; /* number on its directed link */
    sluice_payload payload;
    int stage; /* that executes the action */
    int microbatch;
    int at;       /* posted before this block of its own rank (== block count: after the last) */
    int block;    /* of a send, its producer's block; of a receive, its consumer's */
    int group;    /* > 0: posts with this number are issued as one */
    int released; /* of a send: its link's sends below this number are waited for before its
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
 * consumer; with a queue per link in the order of the link's sends, with a queue per rank in one
 * order of all transfers (global_order.c). Release with sluice__links_free().
 * E_SCHEDULE, E_HOST_MEMORY.
 */
sluice_status sluice__links_make(sluice__rank_links **out, const sluice_schedule *schedule,
                                 sluice_queues queues);
void sluice__links_free(sluice__rank_links *links, int ranks);
void sluice__rank_links_free(sluice__rank_links *links); /* what is inside */

/* ---- what the files that make them share ---- */

/* Where each F and each B-or-I is: its block on its rank, or -1. [backward][stage][microbatch]. */
typedef struct sluice__places {
    int *block;
    int stages, microbatches;
} sluice__places;

static inline size_t sluice__place_index(const sluice__places *places, bool backward, int stage,
                                         int microbatch) {
    return ((size_t)backward * (size_t)places->stages + (size_t)stage) *
               (size_t)places->microbatches +
           (size_t)microbatch;
}

/* The stage that uses what `action` makes: the next for F, the one before for B and I; -1: there is
 * none, or the action is a W. */
int sluice__consumer_of(const sluice_action *action, int stages);

sluice_status sluice__add_post(sluice__rank_links *rank, const sluice__post *post);
/* Stable, by the block before which they are posted. E_HOST_MEMORY. */
sluice_status sluice__sort_posts(sluice__rank_links *rank);

/* A transfer that a schedule needs but does not name: its send and its receive. */
typedef struct sluice__handover {
    int from, to; /* ranks */
    sluice__post send, receive;
} sluice__handover;
/* That of an action, if it has a consumer on another rank: else `*exists` is false. E_SCHEDULE if
 * nobody uses what it makes. */
sluice_status sluice__find_handover(sluice__handover *out, bool *exists,
                                    const sluice_schedule *schedule, const sluice__places *places,
                                    const sluice_action *action, int block);

/* When each rank's blocks end if F, I and W take 1 and transfers nothing (unit_times.c): a list per
 * rank, to be freed one by one; INT64_MAX where a block is never reached. E_HOST_MEMORY. */
sluice_status sluice__unit_times(int64_t **ends, const sluice_schedule *schedule,
                                 const sluice__rank_links *ranks, const sluice__places *places);

/* Set `released` of every send (outstanding.c). E_HOST_MEMORY. */
sluice_status sluice__release_sends(sluice__rank_links *ranks, const sluice_schedule *schedule,
                                    const sluice__places *places);

/* Posts of every rank in one order of all transfers (global_order.c). `*reached` is false, and
 * there are none, if some block can never be reached: the schedule stops over any queues.
 * E_SCHEDULE, E_HOST_MEMORY. */
sluice_status sluice__order_globally(sluice__rank_links *ranks, const sluice_schedule *schedule,
                                     const sluice__places *places, bool *reached);

#endif
