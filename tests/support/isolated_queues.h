/* SPDX-License-Identifier: MIT */
/*
 * isolated_queues.h -- what the ranks of the isolated transport share: what is announced and sent
 * on each channel, and what each has given to each in a gather. Everything goes in and out as a
 * copy, from any thread.
 */
#ifndef SLUICE_TESTS_ISOLATED_QUEUES_H
#define SLUICE_TESTS_ISOLATED_QUEUES_H

#include "runtime/transport/transport.h"

typedef struct isolated_queues isolated_queues;

/* One end of a transfer, as the other may know it. */
typedef struct isolated_announcement {
    size_t bytes;
    uint64_t content;
} isolated_announcement;

/* E_HOST_MEMORY. */
sluice_status isolated_queues_open(isolated_queues **out, const sluice__channel *channels,
                                   int count, const size_t *const gathers[SLUICE__GATHERS],
                                   int ranks);
void isolated_queues_close(isolated_queues *queues); /* NULL is fine */
/* Everything is forgotten. */
void isolated_queues_begin(isolated_queues *queues);
void isolated_queues_abort(isolated_queues *queues);

/* ---- channels, by their number in the list at open ---- */

/* One end of the channel's next transfer is posted. E_ARGUMENT: that is one too many, or the other
 * end has another size; E_SCHEDULE: another content. E_STOPPED. */
sluice_status isolated_announce(isolated_queues *queues, int channel, bool sends,
                                isolated_announcement end);
/* Whether both ends of transfer k are posted, and its message is not there yet. */
bool isolated_wants(isolated_queues *queues, int channel, int k);
/* The message of transfer k, from malloc(), which is the queue's from now on. */
void isolated_put(isolated_queues *queues, int channel, int k, void *message);
/* The message of transfer k, which is the caller's from now on; NULL: it is not there yet. */
void *isolated_take(isolated_queues *queues, int channel, int k);

/* ---- gathers ---- */

/* E_ARGUMENT: this rank has given already. E_HOST_MEMORY, E_STOPPED. */
sluice_status isolated_give(isolated_queues *queues, sluice__gather which, int rank,
                            const void *mine);
/* Copies what all have given to `rank`; false: someone has not yet. */
bool isolated_read(isolated_queues *queues, sluice__gather which, int rank, void *all);

/* ---- waiting ---- */

/* Changes so far. */
long isolated_changes(isolated_queues *queues);
/* Until there are more than `seen`, or it is `end` by the clock, or all is aborted. */
void isolated_sleep(isolated_queues *queues, long seen, double end);
bool isolated_is_aborted(isolated_queues *queues);

#endif
