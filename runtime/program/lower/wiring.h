/* SPDX-License-Identifier: MIT */
/* wiring.h -- what the files that make posts share: the blocks of actions, and both ends of a
 * transfer. */
#ifndef SLUICE_PROGRAM_WIRING_H
#define SLUICE_PROGRAM_WIRING_H

#include "runtime/program/lower/posts.h"

typedef struct sluice__wiring {
    const sluice_schedule *schedule;
    const sluice__edges *edges;
    int ranks, stages, microbatches;
    /* The block of each F and each B or I on its rank; -1: none. */
    int *block; /* [backward][stage][microbatch] */
} sluice__wiring;

static inline int *sluice__block_of(const sluice__wiring *wiring, bool backward, int stage,
                                    int microbatch) {
    return &wiring->block[((size_t)backward * (size_t)wiring->stages + (size_t)stage) *
                              (size_t)wiring->microbatches +
                          (size_t)microbatch];
}

/* Append a copy. E_HOST_MEMORY. */
sluice_status sluice__add_post(sluice__rank_links *rank, const sluice__post *post);
/* Sort by the block before which they are posted; stable. E_HOST_MEMORY. */
sluice_status sluice__sort_posts(sluice__rank_links *rank);

/* A transfer that a schedule needs but does not name: its send and its receive. */
typedef struct sluice__derived {
    int from, to; /* ranks */
    sluice__post send, receive;
} sluice__derived;
/* The transfer over the k-th edge that `action`, in `block` of its rank, produces for; `*exists` is
 * false if the edge stays on the rank. E_SCHEDULE if the schedule has no consumer for it. */
sluice_status sluice__find_derived(sluice__derived *out, bool *exists, const sluice__wiring *wiring,
                                   const sluice_action *action, int k, int block);
/* How many edges an action produces for. */
int sluice__count_made(const sluice__wiring *wiring, const sluice_action *action);

/* What F, I and W take where nothing is known of their times: 1; B is an I and a W. */
static inline int sluice__unit_time(sluice_action_kind kind) {
    return kind == SLUICE_ACTION_B ? 2 : 1;
}
/* When each rank's blocks end if F, I and W take 1 and transfers nothing (unit_times.c): a list per
 * rank, each to be freed; INT64_MAX where a block is never reached. E_HOST_MEMORY. */
sluice_status sluice__unit_times(int64_t **ends, const sluice__wiring *wiring,
                                 const sluice__rank_links *ranks);

/* Set `order` and `released` of every send (outstanding.c). E_HOST_MEMORY. */
sluice_status sluice__release_sends(sluice__rank_links *ranks, const sluice__wiring *wiring);

/* Make the posts of every rank, in one order of all transfers (one_queue.c). `*reached` is false,
 * and no posts are made, if some block can never be reached: the schedule deadlocks over any
 * queues. E_SCHEDULE, E_HOST_MEMORY. */
sluice_status sluice__order_globally(sluice__rank_links *ranks, const sluice__wiring *wiring,
                                     bool *reached);

#endif
