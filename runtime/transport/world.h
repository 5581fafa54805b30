/* SPDX-License-Identifier: MIT */
/*
 * world.h -- the ranks of a run, which of them are in this process, and how they exchange data
 * before there is a transport.
 *
 * One process is a world in which all ranks are local. Nothing above a transport reads the memory
 * of a rank but that rank: what ranks must know of each other goes through the transport, or, while
 * it connects, through the bootstrap.
 */
#ifndef SLUICE_TRANSPORT_WORLD_H
#define SLUICE_TRANSPORT_WORLD_H

#include <stdbool.h>
#include <stddef.h>

#include "sluice/status.h"

typedef struct sluice__bootstrap sluice__bootstrap;

/* Small blobs under names, and a barrier, between all ranks of a world; called from their threads.
 */
typedef struct sluice__bootstrap_ops {
    /* Each key once. E_HOST_MEMORY. */
    sluice_status (*put)(sluice__bootstrap *bootstrap, const char *key, const void *blob,
                         size_t bytes);
    /* The blob of `bytes` under a key, once it is put. E_DEADLINE, E_STOPPED after abort(). */
    sluice_status (*get)(sluice__bootstrap *bootstrap, void *blob, size_t bytes, const char *key,
                         double seconds);
    /* A barrier: wait until every rank has called this as often as the caller. Giving up does not
     * count as coming. E_DEADLINE, E_STOPPED. */
    sluice_status (*meet)(sluice__bootstrap *bootstrap, double seconds);
    /* From any thread, for good: waits end. */
    void (*abort)(sluice__bootstrap *bootstrap);
} sluice__bootstrap_ops;

typedef struct sluice__world {
    int ranks;
    int first_local, local_count; /* those of this process */
    const sluice__bootstrap_ops *bootstrap_ops;
    sluice__bootstrap *bootstrap;
} sluice__world;

static inline bool sluice__is_local(const sluice__world *world, int rank) {
    return rank >= world->first_local && rank < world->first_local + world->local_count;
}

/* A world of one process. Release with sluice__world_close(). E_HOST_MEMORY. */
sluice_status sluice__world_open(sluice__world *out, int ranks);
void sluice__world_close(sluice__world *world); /* {0} is fine */

#endif
