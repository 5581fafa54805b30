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
    int stage;    /* that executes the action */
    int producer; /* the stage whose output or input gradient is carried */
    int microbatch;
    int at; /* posted before this block of its own rank (== block count: after the last) */
    int block; /* of a send, its producer's block; of a receive, its consumer's */
} sluice__post;

typedef struct sluice__rank_links {
    sluice_action *actions; /* compute actions only */
    int action_count;
    sluice__block *blocks;
    int block_count;
    sluice__post *posts; /* in the order in which they are posted */
    int post_count, post_capacity;
} sluice__rank_links;

/*
 * The posts of every rank. Schedules that name their transfers keep their places. Otherwise a send
 * is posted right after its producer, a receive no later than before the block preceding its
 * consumer, in the order of the link's sends. Release with sluice__links_free().
 * E_SCHEDULE, E_HOST_MEMORY.
 */
sluice_status sluice__links_make(sluice__rank_links **out, const sluice_schedule *schedule);
void sluice__links_free(sluice__rank_links *links, int ranks);

#endif
