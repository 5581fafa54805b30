/* SPDX-License-Identifier: MIT */
/* gather.c -- the parts of the norm, as they are, from every rank to every rank: behind the step's
 * transfers in each rank's stream. */
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/transport/nccl/internal.h"

/* NCCL gathers as many from each: those with less send what lies behind it. */
sluice_status sluice__nccl_gather(sluice__transport *transport, int rank) {
    static const char what[]    = "gathering the parts of the norm";
    sluice__nccl_rank *const me = &transport->rank[rank];
    const size_t most           = (size_t)transport->gather_most;
    SLUICE__TRY(sluice__nccl_status(
        transport,
        transport->nccl->AllGather(me->gather_there + (size_t)rank * most, me->gather_there, most,
                                   ncclFloat64, me->all, me->stream->handle),
        what));
    SLUICE__TRY(sluice__nccl_settle(transport, me->all, what));
    SLUICE__TRY(transport->ops->download(me->stream, me->gather_here, me->gather_there,
                                         (size_t)transport->ranks * most * sizeof(double)));
    return transport->ops->record(me->stream, me->gathered);
}

sluice_status sluice__nccl_post_gather(sluice__transport *transport, int rank, const double *mine) {
    sluice__nccl_rank *const me = &transport->rank[rank];
    SLUICE__TRY(sluice__nccl_go_on(transport));
    SLUICE__TRY(transport->ops->upload(me->stream,
                                       me->gather_there + (ptrdiff_t)rank * transport->gather_most,
                                       mine, (size_t)transport->gathers[rank] * sizeof *mine));
    return sluice__nccl_gather(transport, rank);
}

sluice_status sluice__nccl_wait_gather(sluice__transport *transport, int rank, double *all,
                                       double seconds, bool *done) {
    const sluice__nccl_rank *const me = &transport->rank[rank];
    const double end                  = sluice__now() + seconds;
    for (*done = false;;) {
        SLUICE__TRY(sluice__nccl_poll(transport, rank));
        SLUICE__TRY(transport->ops->query(me->gathered, done));
        if (*done || sluice__now() > end) break;
        sluice__nccl_nap();
    }
    for (int r = 0; *done && r < transport->ranks; r++) {
        memcpy(all, me->gather_here + (ptrdiff_t)r * transport->gather_most,
               (size_t)transport->gathers[r] * sizeof *all);
        all += transport->gathers[r];
    }
    return SLUICE_OK;
}
