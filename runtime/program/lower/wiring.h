/* SPDX-License-Identifier: MIT */
/* wiring.h -- what the files that make posts share: the blocks of actions, and both ends of a
 * transfer. */
#ifndef SLUICE_PROGRAM_WIRING_H
#define SLUICE_PROGRAM_WIRING_H

#include "runtime/program/lower/posts.h"

typedef struct sluice__wiring {
    const sluice_program *program;
    const sluice_schedule *schedule;
    const sluice__edges *edges;
    int ranks, stages, microbatches;
    /* The block of each F and each B or I on its rank; -1: none. */
    int *block; /* [backward][stage][microbatch]: sluice__wiring_at() */
    /* Likewise, where the schedule names its sends (named_waits.c): the index of the first post of
     * each, or what says that it is not sent yet or has been waited for. */
    int *sent;
} sluice__wiring;

static inline size_t sluice__wiring_at(const sluice__wiring *wiring, bool backward, int stage,
                                       int microbatch) {
    return ((size_t)backward * (size_t)wiring->stages + (size_t)stage) *
               (size_t)wiring->microbatches +
           (size_t)microbatch;
}

static inline int *sluice__block_of(const sluice__wiring *wiring, bool backward, int stage,
                                    int microbatch) {
    return &wiring->block[sluice__wiring_at(wiring, backward, stage, microbatch)];
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

/* ---- named_waits.c: waits that a schedule names ---- */
/* Free `*out` with sluice__free(). E_HOST_MEMORY. */
sluice_status sluice__sent_make(int **out, const sluice__wiring *wiring);
/* Note the first post of the send that `action` names. */
void sluice__note_send(const sluice__wiring *wiring, const sluice_action *action, int first);
/* Add the wait that `action` of rank r names, before `block`. E_SCHEDULE if it does not follow its
 * send, or is the second one; E_HOST_MEMORY. */
sluice_status sluice__name_wait(sluice__rank_links *rank, int r, const sluice__wiring *wiring,
                                const sluice_action *action, int block);

/* ---- evidence.c ---- */
/* Lower `until` of rank r's sends to the first block that cannot begin before the send has ended,
 * whatever the times are. E_HOST_MEMORY. */
sluice_status sluice__end_sends_by_evidence(sluice__rank_links *rank, int r,
                                            const sluice__wiring *wiring);

#endif
