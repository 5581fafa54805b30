/* SPDX-License-Identifier: MIT */
/*
 * block_times.h -- when blocks begin and end if transfers wait for nobody: each begins when its
 * producer ends and the one before it in its channel is done.
 *
 * Decisions of the lowering are made by these times: in the run that they describe, no rank waits
 * for what it has sent. Channels that share the bandwidth of a link are taken to have all of it.
 */
#ifndef SLUICE_PROGRAM_BLOCK_TIMES_H
#define SLUICE_PROGRAM_BLOCK_TIMES_H

#include "runtime/program/lower/wiring.h"

/* Per block of a rank; infinite where it is never reached. */
typedef struct sluice__rank_times {
    double *begin, *end;
} sluice__rank_times;

typedef struct sluice__block_times {
    sluice__rank_times *rank;
    double *arrival; /* [activation or gradient edge][micro-batch]: at the consumer's rank; infinite
                      * where it never arrives, or stays on a rank */
    bool overflowed; /* some time is infinite because costs are too large */
} sluice__block_times;

static inline double *sluice__arrival(const sluice__block_times *times,
                                      const sluice__wiring *wiring, int edge, int microbatch) {
    return &times->arrival[(size_t)edge * (size_t)wiring->microbatches + (size_t)microbatch];
}

/* Under `costs`; NULL, or all of them 0: F, I and W take 1 (B: 2), transfers nothing. Every action
 * takes at least a millionth of the longest one, so that two of which one waits for the other never
 * end at one time. Start from {0}; release with sluice__block_times_free(), on failure too.
 * E_HOST_MEMORY. */
sluice_status sluice__block_times_make(sluice__block_times *out, const sluice__wiring *wiring,
                                       const sluice__rank_links *ranks,
                                       const sluice_simulation_costs *costs);
void sluice__block_times_free(sluice__block_times *times, int ranks);

/* What F, I and W take where nothing is known of their times: 1; B is an I and a W. */
static inline int sluice__unit_time(sluice_action_kind kind) {
    return kind == SLUICE_ACTION_B ? 2 : 1;
}

/* ---- decisions by these times ---- */

/* Move receives that would be posted later than their sends to before the block at which their rank
 * is when the send is posted (receives.c). */
void sluice__receive_in_time(sluice__rank_links *ranks, const sluice__wiring *wiring,
                             const sluice__block_times *times);
/* Set `until` of every send (outstanding.c). `times`: of the program's costs; NULL: not known.
 * E_HOST_MEMORY. */
sluice_status sluice__end_sends(sluice__rank_links *ranks, const sluice__wiring *wiring,
                                const sluice__block_times *times, int outstanding);
/* Make the posts of every rank, in one order of all transfers (one_queue.c); `times` as above.
 * `*reached` is false, and no posts are made, if some block can never be reached: the schedule
 * deadlocks over any queues. E_SCHEDULE, E_HOST_MEMORY. */
sluice_status sluice__order_globally(sluice__rank_links *ranks, const sluice__wiring *wiring,
                                     const sluice__block_times *times, bool *reached);

#endif
