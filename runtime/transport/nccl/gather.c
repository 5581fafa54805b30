/* SPDX-License-Identifier: MIT */
/* gather.c -- the norm's parts from every rank to every rank, after the step's transfers in each
 * rank's stream. Reports of a run are made by the host and go through its memory.
 */
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/transport/nccl/internal.h"

/* NCCL gathers the same count from every rank: those with fewer bytes send what follows them, too.
 */
sluice_status sluice__nccl_gather(sluice__transport *transport, int rank) {
    static const char what[]    = "gathering the parts of the norm";
    sluice__nccl_rank *const me = &transport->rank[rank];
    const size_t max            = transport->gather_max;
    SLUICE__TRY(sluice__nccl_status(
        transport,
        transport->nccl->AllGather(me->gather_there + (size_t)rank * max, me->gather_there, max,
                                   ncclInt8, me->all, me->stream->handle),
        what));
    SLUICE__TRY(sluice__nccl_settle(transport, me->all, what));
    SLUICE__TRY(transport->ops->download(me->stream, me->gather_here, me->gather_there,
                                         (size_t)transport->ranks * max));
    return transport->ops->record(me->stream, me->gathered);
}

sluice_status sluice__nccl_post_gather(sluice__transport *transport, sluice__gather which, int rank,
                                       const void *mine) {
    sluice__nccl_rank *const me = &transport->rank[rank];
    SLUICE__TRY(sluice__nccl_go_on(transport));
    if (which == SLUICE__GATHER_REPORT) {
        sluice__host_gather_post(transport->reports, rank, mine);
        return SLUICE_OK;
    }
    SLUICE__TRY(transport->ops->upload(me->stream,
                                       me->gather_there + (size_t)rank * transport->gather_max,
                                       mine, transport->norm_bytes[rank]));
    return sluice__nccl_gather(transport, rank);
}

static sluice_status wait_norm(sluice__transport *transport, int rank, double seconds, bool *done) {
    const sluice__nccl_rank *const me = &transport->rank[rank];
    const double end                  = sluice__now() + seconds;
    for (*done = false;;) {
        SLUICE__TRY(sluice__nccl_poll(transport, rank));
        SLUICE__TRY(transport->ops->query(done, me->gathered));
        if (*done || sluice__now() > end) return SLUICE_OK;
        sluice__nccl_nap();
    }
}

sluice_status sluice__nccl_wait_gather(sluice__transport *transport, sluice__gather which, int rank,
                                       void *all, double seconds, bool *done) {
    const sluice__nccl_rank *const me = &transport->rank[rank];
    unsigned char *to                 = all;
    if (which == SLUICE__GATHER_REPORT)
        return sluice__host_gather_wait(transport->reports, all, seconds, done);
    SLUICE__TRY(wait_norm(transport, rank, seconds, done));
    for (int r = 0; *done && r < transport->ranks; r++) {
        memcpy(to, me->gather_here + (size_t)r * transport->gather_max, transport->norm_bytes[r]);
        to += transport->norm_bytes[r];
    }
    return SLUICE_OK;
}
