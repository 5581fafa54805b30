/* SPDX-License-Identifier: MIT */
/*
 * join.c -- a rank's communicators: created, warmed up, and finalized or aborted, on its own
 * thread.
 *
 * Everything else that the rank needs is allocated before the first of them, and nothing more until
 * the last is gone: an allocation may wait for the whole device, where a kernel may wait for a
 * partner. All ranks take their pairs in one order, so that two ranks that wait for each other wait
 * for the same pair.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/transport/nccl/internal.h"

/* Few channels: each is a block of threads that shares its multiprocessor with nothing while it
 * waits for its partner, and takes memory. NVLink needs no more for one transfer, and over PCIe
 * NCCL takes fewer. The gather moves next to nothing. */
enum { PAIR_CHANNELS = 4, ALL_CHANNELS = 1, WARM_UP_BYTES = 256 };

/* ---- a barrier of all ranks ---- */

static sluice_status meet(sluice__transport *transport) {
    const sluice__world *const world = transport->world;
    SLUICE__TRY(world->bootstrap_ops->meet(world->bootstrap, transport->seconds));
    return sluice__nccl_go_on(transport);
}

/* ---- what a rank needs ---- */

static size_t gather_bytes(const sluice__transport *transport) {
    return (size_t)transport->ranks * transport->gather_max;
}

static size_t buffer_bytes(const sluice__transport *transport) {
    const size_t gathered = gather_bytes(transport);
    return (gathered + 255) / 256 * 256 + (size_t)2 * WARM_UP_BYTES;
}

static sluice_status allocate_buffers(sluice__transport *transport, sluice__nccl_rank *me) {
    const sluice_device_ops *const ops = transport->ops;
    void *there = NULL, *here = NULL;
    SLUICE__TRY(ops->arena_alloc(&there, me->device, buffer_bytes(transport)));
    me->gather_there = there;
    SLUICE__TRY(ops->host_alloc(&here, me->device, gather_bytes(transport)));
    me->gather_here = here;
    for (int e = 0; e < me->event_count; e++)
        SLUICE__TRY(ops->event_create(&me->events[e], me->device, false));
    SLUICE__TRY(ops->event_create(&me->gathered, me->device, false));
    SLUICE__TRY(ops->zero(me->stream, there, buffer_bytes(transport)));
    return ops->synchronize(me->stream);
}

static void free_buffers(const sluice__transport *transport, sluice__nccl_rank *me) {
    const sluice_device_ops *const ops = transport->ops;
    for (int e = 0; e < me->event_count; e++) {
        if (me->events[e]) ops->event_destroy(me->events[e]);
        me->events[e] = NULL;
    }
    if (me->gathered) ops->event_destroy(me->gathered);
    ops->host_free(me->device, me->gather_here);
    ops->arena_free(me->device, me->gather_there, buffer_bytes(transport));
    me->gathered     = NULL;
    me->gather_here  = NULL;
    me->gather_there = NULL;
}

/* ---- communicators ---- */

static void name_pair(char *out, size_t bytes, const char *what, const sluice__transport *transport,
                      int k) {
    (void)snprintf(out, bytes, "%s ranks %d and %d", what, transport->pairs[k].low,
                   transport->pairs[k].high);
}

static bool is_mine(const sluice__transport *transport, int rank, int k) {
    return transport->pairs[k].low == rank || transport->pairs[k].high == rank;
}

/* The key under which the two ranks of pair k find its id; the communicator of all ranks has the
 * count of pairs as k. */
static void name_id(char out[32], const sluice__transport *transport, int k) {
    if (k == transport->pair_count)
        (void)snprintf(out, 32, "nccl/all");
    else
        (void)snprintf(out, 32, "nccl/%d-%d", transport->pairs[k].low, transport->pairs[k].high);
}

static sluice_status make_id(sluice__transport *transport, int k) {
    static const char what[]         = "creating a communicator's id";
    const sluice__world *const world = transport->world;
    ncclUniqueId id;
    char key[32];
    name_id(key, transport, k);
    SLUICE__TRY(sluice__nccl_status(transport, transport->nccl->GetUniqueId(&id), what));
    return world->bootstrap_ops->put(world->bootstrap, key, &id, sizeof id);
}

static sluice_status find_id(ncclUniqueId *out, const sluice__transport *transport, int k) {
    const sluice__world *const world = transport->world;
    char key[32];
    name_id(key, transport, k);
    return world->bootstrap_ops->get(world->bootstrap, out, sizeof *out, key, transport->seconds);
}

static sluice_status make_ids(sluice__transport *transport, int rank) {
    for (int k = 0; k < transport->pair_count; k++)
        if (transport->pairs[k].low == rank) SLUICE__TRY(make_id(transport, k));
    return rank == 0 ? make_id(transport, transport->pair_count) : SLUICE_OK;
}

/* `*out` is set as soon as there is something to abort. */
static sluice_status make_one(const sluice__transport *transport, ncclComm_t *out, int ranks,
                              const ncclUniqueId *id, int as, int channels, const char *what) {
    ncclConfig_t config  = NCCL_CONFIG_INITIALIZER;
    config.blocking      = 0;
    config.minCTAs       = 1;
    config.maxCTAs       = channels;
    sluice_status status = sluice__nccl_status(
        transport, transport->nccl->CommInitRankConfig(out, ranks, *id, as, &config), what);
    if (status == SLUICE_OK) status = sluice__nccl_settle(transport, *out, what);
    /* As where a container has too little /dev/shm: NCCL says it in its log alone. */
    return status == SLUICE_E_DEVICE ? sluice__hint(status, "with NCCL_DEBUG=WARN it prints why")
                                     : status;
}

static sluice_status make_all(sluice__transport *transport, int rank) {
    sluice__nccl_rank *const me = &transport->rank[rank];
    ncclUniqueId id;
    for (int k = 0; k < transport->pair_count; k++) {
        char words[64];
        if (!is_mine(transport, rank, k)) continue;
        name_pair(words, sizeof words, "joining", transport, k);
        SLUICE__TRY(find_id(&id, transport, k));
        SLUICE__TRY(make_one(transport, &me->pairs[k], 2, &id, transport->pairs[k].high == rank,
                             PAIR_CHANNELS, words));
    }
    SLUICE__TRY(find_id(&id, transport, transport->pair_count));
    return make_one(transport, &me->all, transport->ranks, &id, rank, ALL_CHANNELS,
                    "joining all ranks");
}

/* The first transfer between two ranks in each direction connects them, and the host waits for its
 * partner in it: better here than in a step. */
static sluice_status warm_up_pair(sluice__transport *transport, int rank, int k) {
    sluice__nccl_rank *const me    = &transport->rank[rank];
    const sluice__nccl *const nccl = transport->nccl;
    const int peer                 = transport->pairs[k].low == rank; /* its rank in the pair */
    unsigned char *const from =
        me->gather_there + buffer_bytes(transport) - (size_t)2 * WARM_UP_BYTES;
    char words[64];
    name_pair(words, sizeof words, "warming up the transfers between", transport, k);
    SLUICE__TRY(sluice__nccl_status(transport, nccl->GroupStart(), words));
    const ncclResult_t sent =
        nccl->Send(from, WARM_UP_BYTES, ncclInt8, peer, me->pairs[k], me->stream->handle);
    const ncclResult_t received = nccl->Recv(from + WARM_UP_BYTES, WARM_UP_BYTES, ncclInt8, peer,
                                             me->pairs[k], me->stream->handle);
    const ncclResult_t ended    = nccl->GroupEnd();
    SLUICE__TRY(sluice__nccl_status(transport, sent, words));
    SLUICE__TRY(sluice__nccl_status(transport, received, words));
    SLUICE__TRY(sluice__nccl_status(transport, ended, words));
    SLUICE__TRY(sluice__nccl_settle(transport, me->pairs[k], words));
    SLUICE__TRY(transport->ops->record(me->stream, me->gathered));
    return sluice__nccl_await(transport, rank, me->gathered, words);
}

static sluice_status warm_up_all(sluice__transport *transport, int rank) {
    sluice__nccl_rank *const me = &transport->rank[rank];
    for (int k = 0; k < transport->pair_count; k++)
        if (is_mine(transport, rank, k)) SLUICE__TRY(warm_up_pair(transport, rank, k));
    SLUICE__TRY(meet(transport));
    SLUICE__TRY(sluice__nccl_gather(transport, rank));
    return sluice__nccl_await(transport, rank, me->gathered, "warming up the gather");
}

static sluice_status check_peers(const sluice_device *device) {
    const char *const off = getenv("NCCL_P2P_DISABLE");
    const int mine = device->ordinal, other = sluice__cuda_lying_peer(device);
    if (other < 0 || (off && strcmp(off, "1") == 0)) return SLUICE_OK;
    sluice__fail(
        SLUICE_E_UNSUPPORTED,
        "what cuda:%d and cuda:%d copy to each other arrives changed, and NCCL does not know",
        mine < other ? mine : other, mine < other ? other : mine);
    return sluice__hint(SLUICE_E_UNSUPPORTED, "set NCCL_P2P_DISABLE=1, or use --transport local");
}

sluice_status sluice__nccl_join(sluice__transport *transport, int rank, sluice_device *device,
                                sluice_stream *stream, double seconds) {
    sluice__nccl_rank *const me = &transport->rank[rank];
    me->device                  = device;
    me->stream                  = stream;
    atomic_store(&transport->seconds, seconds); /* the same from every rank */
    SLUICE__TRY(check_peers(device));
    SLUICE__TRY(allocate_buffers(transport, me));
    SLUICE__TRY(make_ids(transport, rank));
    SLUICE__TRY(meet(transport));
    SLUICE__TRY(make_all(transport, rank));
    SLUICE__TRY(meet(transport));
    SLUICE__TRY(warm_up_all(transport, rank));
    return meet(transport);
}

/* ---- and their end ---- */

/* Communicator k, in the order in which every rank takes them. */
static ncclComm_t *number(sluice__transport *transport, sluice__nccl_rank *me, int k) {
    return k < transport->pair_count ? &me->pairs[k] : &me->all;
}

static sluice_status finalize(sluice__transport *transport, sluice__nccl_rank *me) {
    static const char what[] = "disconnecting from other ranks";
    for (int k = 0; k <= transport->pair_count; k++) {
        ncclComm_t comm = *number(transport, me, k);
        if (!comm) continue;
        SLUICE__TRY(sluice__nccl_status(transport, transport->nccl->CommFinalize(comm), what));
        SLUICE__TRY(sluice__nccl_settle(transport, comm, what));
    }
    for (int k = 0; k <= transport->pair_count; k++) {
        ncclComm_t *const comm = number(transport, me, k);
        if (*comm) (void)transport->nccl->CommDestroy(*comm);
        *comm = NULL;
    }
    return SLUICE_OK;
}

/* As one group: each abort waits until its kernels have left the stream, where those of all wait
 * in line.
 */
static void abort_rank(sluice__transport *transport, sluice__nccl_rank *me) {
    if (me->groups) (void)transport->nccl->GroupEnd();
    me->groups = false;
    (void)transport->nccl->GroupStart();
    for (int k = 0; k <= transport->pair_count; k++) {
        ncclComm_t *const comm = number(transport, me, k);
        if (*comm) (void)transport->nccl->CommAbort(*comm);
        *comm = NULL;
    }
    (void)transport->nccl->GroupEnd();
}

void sluice__nccl_leave(sluice__transport *transport, int rank) {
    sluice__nccl_rank *const me = &transport->rank[rank];
    if (!me->device) return; /* it never joined, or has left */
    if (atomic_load(&transport->aborted) || finalize(transport, me) != SLUICE_OK)
        abort_rank(transport, me);
    (void)transport->ops->synchronize(me->stream); /* copies of a gather, behind its kernel */
    free_buffers(transport, me);
    me->device = NULL;
}
