/* SPDX-License-Identifier: MIT */
/*
 * isolated_queues.h -- shared state of the isolated transport's ranks: posts and messages of each
 * channel, and each rank's contributions to gathers. Everything goes in and out as a copy, from any
 * thread.
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
/* Forget everything. */
void isolated_queues_begin(isolated_queues *queues);
void isolated_queues_abort(isolated_queues *queues);

/* ---- channels, by their number in the list at open ---- */

/* Post one end of the channel's next transfer. E_ARGUMENT: one too many, or the other end has
 * another size; E_SCHEDULE: another content. E_STOPPED. */
sluice_status isolated_announce(isolated_queues *queues, int channel, bool sends,
                                isolated_announcement end);
/* Whether both ends of transfer k are posted, and its message has not arrived yet. */
bool isolated_wants(isolated_queues *queues, int channel, int k);
/* Put the message of transfer k, from malloc(), which the queue owns from now on. */
void isolated_put(isolated_queues *queues, int channel, int k, void *message);
/* Take the message of transfer k, which the caller owns from now on; NULL: it has not arrived
 * yet. */
void *isolated_take(isolated_queues *queues, int channel, int k);

/* ---- gathers ---- */

/* E_ARGUMENT: this rank has given already. E_HOST_MEMORY, E_STOPPED. */
sluice_status isolated_give(isolated_queues *queues, sluice__gather which, int rank,
                            const void *mine);
/* Copies what all ranks have given to `rank`; false: one has not yet. */
bool isolated_read(isolated_queues *queues, sluice__gather which, int rank, void *all);

/* ---- waiting ---- */

/* Number of changes so far. */
long isolated_changes(isolated_queues *queues);
/* Wait until there are more changes than `seen`, the clock reaches `end`, or everything is
 * aborted. */
void isolated_sleep(isolated_queues *queues, long seen, double end);
bool isolated_is_aborted(isolated_queues *queues);

#endif
