/* SPDX-License-Identifier: MIT */
/* transport.c -- the table of the transport `nccl`; what is known before any rank runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/device/cuda/transport.h"
#include "runtime/transport/nccl/internal.h"

/* ---- open ---- */

static bool exchange_anything(const sluice__channel *channels, int count, int a, int b) {
    for (int k = 0; k < count; k++)
        if ((channels[k].from == a && channels[k].to == b) ||
            (channels[k].from == b && channels[k].to == a))
            return true;
    return false;
}

/* Ascending by low, then high: every rank takes its pairs in this order. */
static sluice_status find_pairs(sluice__transport *transport, const sluice__channel *channels,
                                int count) {
    const int p = transport->ranks;
    SLUICE__TRY(sluice__alloc(&transport->pairs, (size_t)count, sizeof *transport->pairs));
    SLUICE__TRY(
        sluice__alloc(&transport->pair_of, (size_t)p * (size_t)p, sizeof *transport->pair_of));
    for (int k = 0; k < p * p; k++) transport->pair_of[k] = -1;
    for (int low = 0; low < p; low++)
        for (int high = low + 1; high < p; high++) {
            if (!exchange_anything(channels, count, low, high)) continue;
            transport->pair_of[low * p + high] = transport->pair_of[high * p + low] =
                transport->pair_count;
            transport->pairs[transport->pair_count++] =
                (sluice__nccl_pair){.low = low, .high = high};
        }
    return SLUICE_OK;
}

static sluice_status make_end(sluice__nccl_end *end, sluice__nccl_rank *rank, int transfers) {
    end->capacity = transfers;
    rank->event_count += transfers;
    return sluice__alloc(&end->over, (size_t)transfers, sizeof *end->over);
}

/* Both ends of every channel; those between the same two ranks are adjacent. */
static sluice_status make_ends(sluice__transport *transport, const sluice__channel *channels,
                               int count) {
    const int p        = transport->ranks;
    const size_t pairs = (size_t)p * (size_t)p;
    SLUICE__TRY(sluice__alloc(&transport->first_channel, pairs + 1, sizeof(int)));
    SLUICE__TRY(sluice__alloc(&transport->ends, 2 * (size_t)count, sizeof *transport->ends));
    for (int k = 0; k < count; k++)
        transport->first_channel[channels[k].from * p + channels[k].to + 1]++;
    for (size_t l = 0; l < pairs; l++)
        transport->first_channel[l + 1] += transport->first_channel[l];
    for (int k = 0; k < count; k++) {
        const sluice__channel *const at = &channels[k];
        const int c = transport->first_channel[at->from * p + at->to] + at->index;
        SLUICE__TRY(
            make_end(&transport->ends[(ptrdiff_t)2 * c], &transport->rank[at->to], at->transfers));
        SLUICE__TRY(make_end(&transport->ends[(ptrdiff_t)2 * c + 1], &transport->rank[at->from],
                             at->transfers));
    }
    return SLUICE_OK;
}

static sluice_status make_ranks(sluice__transport *transport, const sluice__channel *channels,
                                int count) {
    const size_t p = (size_t)transport->ranks;
    SLUICE__TRY(sluice__alloc(&transport->rank, p, sizeof *transport->rank));
    for (size_t r = 0; r < p; r++) {
        sluice__nccl_rank *const rank = &transport->rank[r];
        const size_t pairs            = (size_t)transport->pair_count;
        SLUICE__TRY(sluice__alloc(&rank->pairs, pairs, sizeof *rank->pairs));
        SLUICE__TRY(sluice__alloc(&rank->touched, pairs, sizeof *rank->touched));
    }
    SLUICE__TRY(make_ends(transport, channels, count));
    for (size_t r = 0; r < p; r++)
        SLUICE__TRY(sluice__alloc(&transport->rank[r].events,
                                  (size_t)transport->rank[r].event_count, sizeof(sluice_event *)));
    return SLUICE_OK;
}

static void close_transport(sluice__transport *transport) {
    if (!transport) return;
    for (int r = 0; transport->rank && r < transport->ranks; r++) {
        sluice__nccl_rank *const rank = &transport->rank[r];
        sluice__free(rank->events);
        sluice__free(rank->touched);
        sluice__free(rank->pairs);
    }
    const int pairs = transport->ranks * transport->ranks;
    for (int e = 0; transport->ends && e < 2 * transport->first_channel[pairs]; e++)
        sluice__free(transport->ends[e].over);
    sluice__host_gather_close(transport->reports);
    sluice__free(transport->ends);
    sluice__free(transport->first_channel);
    sluice__free(transport->rank);
    sluice__free(transport->norm_bytes);
    sluice__free(transport->pair_of);
    sluice__free(transport->pairs);
    sluice__free(transport);
}

static sluice_status take_gathers(sluice__transport *transport,
                                  const size_t *const gathers[SLUICE__GATHERS]) {
    const size_t *const norm = gathers[SLUICE__GATHER_NORM];
    SLUICE__TRY(sluice__alloc(&transport->norm_bytes, (size_t)transport->ranks, sizeof(size_t)));
    for (int r = 0; r < transport->ranks; r++) {
        transport->norm_bytes[r] = norm[r];
        if (norm[r] > transport->gather_max) transport->gather_max = norm[r];
    }
    return sluice__host_gather_open(&transport->reports, gathers[SLUICE__GATHER_REPORT],
                                    transport->ranks);
}

/* Each launch would wait for its kernel, which waits for the partner's. */
static sluice_status refuse_blocking(void) {
    const char *const blocking = getenv("CUDA_LAUNCH_BLOCKING");
    if (!blocking || strcmp(blocking, "1") != 0) return SLUICE_OK;
    sluice__fail(SLUICE_E_UNSUPPORTED,
                 "with CUDA_LAUNCH_BLOCKING=1 transfers of NCCL wait for each other for ever");
    return sluice__hint(SLUICE_E_UNSUPPORTED, "unset it, or use --transport local");
}

static sluice_status open_transport(sluice__transport **out, const sluice__world *world,
                                    const sluice__channel *channels, int count,
                                    const size_t *const gathers[SLUICE__GATHERS],
                                    const sluice_device_ops *ops) {
    const sluice__nccl *nccl     = NULL;
    sluice__transport *transport = NULL;
    sluice_status status         = SLUICE_OK;
    SLUICE__TRY(refuse_blocking());
    SLUICE__TRY(sluice__nccl_load(&nccl));
    SLUICE__TRY(sluice__alloc(&transport, 1, sizeof *transport));
    transport->nccl  = nccl;
    transport->ops   = ops;
    transport->world = world;
    transport->ranks = world->ranks;
    SLUICE__TRY_OUT(find_pairs(transport, channels, count));
    SLUICE__TRY_OUT(make_ranks(transport, channels, count));
    SLUICE__TRY_OUT(take_gathers(transport, gathers));
    *out      = transport;
    transport = NULL;
out:
    close_transport(transport);
    return status;
}

/* Buffers of a communicator's channels, of which join.c allows few. An estimate on the safe side,
 * not measured. */
static const size_t pair_bytes = (size_t)64 << 20, all_bytes = (size_t)64 << 20;

static size_t reserve(const sluice__channel *channels, int count, int ranks, int rank) {
    size_t bytes = all_bytes;
    for (int peer = 0; peer < ranks; peer++)
        if (peer != rank && exchange_anything(channels, count, rank, peer)) bytes += pair_bytes;
    return bytes;
}

static void begin(sluice__transport *transport) {
    sluice__nccl_forget(transport);
    sluice__host_gather_begin(transport->reports);
}

static void abort_all(sluice__transport *transport) {
    const sluice__world *const world = transport->world;
    atomic_store(&transport->aborted, true);
    sluice__host_gather_abort(transport->reports);
    world->bootstrap_ops->abort(world->bootstrap);
}

static sluice_status describe(char *out, size_t bytes) {
    const sluice__nccl *nccl = NULL;
    SLUICE__TRY(sluice__nccl_load(&nccl));
    (void)snprintf(out, bytes, "NCCL %d.%d.%d", nccl->version / 10000, nccl->version % 10000 / 100,
                   nccl->version % 100);
    return SLUICE_OK;
}

const sluice__transport_ops sluice__nccl_ops = {
    .name         = "nccl",
    .one_queue    = true,
    .copies       = true,
    .meets        = true,
    .compares     = false,
    .paces        = false,
    .describe     = describe,
    .open         = open_transport,
    .close        = close_transport,
    .reserve      = reserve,
    .join         = sluice__nccl_join,
    .leave        = sluice__nccl_leave,
    .begin        = begin,
    .post_send    = sluice__nccl_post_send,
    .post_receive = sluice__nccl_post_receive,
    .group_begin  = sluice__nccl_group_begin,
    .group_end    = sluice__nccl_group_end,
    .wait         = sluice__nccl_wait,
    .poll         = sluice__nccl_poll,
    .post_gather  = sluice__nccl_post_gather,
    .wait_gather  = sluice__nccl_wait_gather,
    .abort        = abort_all,
};
