/* SPDX-License-Identifier: MIT */
/* posts.h -- which transfers a schedule needs, and where in each rank's list they are posted. */
#ifndef SLUICE_PROGRAM_POSTS_H
#define SLUICE_PROGRAM_POSTS_H

#include "runtime/program/edges.h"

/* Consecutive actions of a rank that run as one: an overlap group, or a single action. */
typedef struct sluice__block {
    int first, count; /* in `actions` of its rank */
} sluice__block;

typedef struct sluice__post {
    bool sends;
    bool waits_named;   /* sends: the schedule says where it is waited for: in `waits` */
    int edge;           /* what is carried */
    int peer, transfer; /* number in its channel */
    int stage;          /* at this rank's end of the edge */
    int microbatch;
    int at;    /* posted before this block of its rank (== block count: after the last) */
    int block; /* its producer's block if it sends, else its consumer's */
    int group; /* > 0: posts with this number are issued as one */
    int until; /* sends: waited for before this block of its rank (== block count: after the
                * last) */
} sluice__post;

/* A wait for a send that the schedule names. */
typedef struct sluice__named_wait {
    int post;
    int block, posted; /* it comes before that block of its rank, and after so many posts */
} sluice__named_wait;

typedef struct sluice__rank_links {
    sluice_action *actions; /* compute actions only */
    int action_count;
    sluice__block *blocks;
    int block_count;
    sluice__post *posts; /* in the order in which they are posted */
    int post_count, post_capacity;
    sluice__named_wait *waits; /* in the order of the row */
    int wait_count, wait_capacity;
} sluice__rank_links;

/* Check that every stage runs every micro-batch forward, so that tables of stages x micro-batches
 * are no larger than the schedule. E_SCHEDULE names the first one missing; E_HOST_MEMORY. */
sluice_status sluice__check_forwards(const sluice_schedule *schedule);

/* Whether an action uses what F saved, so that F runs again before it if it was recomputed. */
static inline bool sluice__needs_forward(sluice_action_kind kind) {
    return kind == SLUICE_ACTION_B || kind == SLUICE_ACTION_I;
}
/* Whether the F at action `k` runs again before its backward: the stage recomputes, and the
 * backward does not follow at once. */
bool sluice__runs_again(const sluice_program *program, const sluice__rank_links *rank, int k);

/*
 * The posts of every rank. Transfers that a schedule names are posted where it names them.
 * Otherwise a send is posted right after its producer, a receive at the latest before the block
 * that precedes its consumer; with a queue per channel in the order of the channel's sends, with a
 * queue per rank in one order of all transfers (one_queue.c). At most `outstanding` sends to a peer
 * are not waited for; 0: as many as decided. Release with sluice__links_free(). E_SCHEDULE,
 * E_HOST_MEMORY.
 */
sluice_status sluice__links_make(sluice__rank_links **out, const sluice_schedule *schedule,
                                 const sluice_program *program, int outstanding);
void sluice__links_free(sluice__rank_links *links, int ranks);
void sluice__rank_links_free(sluice__rank_links *links); /* the contents only */

#endif
