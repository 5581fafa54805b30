/* SPDX-License-Identifier: MIT */
/* exchange.c -- a rank's end of a transfer, and its gathers. */
#include "runtime/executor/exchange.h"

#include <math.h>

#include "runtime/base/error.h"
#include "runtime/executor/failure.h"

sluice__transfer_end sluice__end_of(const sluice__rank *rank, const sluice_instruction *at) {
    const sluice__edges *edges = &rank->pipeline->program->edges;
    const int channel          = edges->list[at->edge].channel;
    return (sluice__transfer_end){.from    = at->sends ? rank->index : at->peer,
                                  .to      = at->sends ? at->peer : rank->index,
                                  .channel = edges->channels[channel].index,
                                  .k       = at->transfer,
                                  .sends   = at->sends};
}

sluice_status sluice__give(sluice__rank *rank, sluice__gather which, const void *mine) {
    const sluice_pipeline *pipeline = rank->pipeline;
    return pipeline->transport_ops->post_gather(pipeline->transport, which, rank->index, mine);
}

sluice_status sluice__gather_all(sluice__rank *rank, sluice__gather which, void *all,
                                 const char *words) {
    sluice_pipeline *pipeline = rank->pipeline;
    for (bool done = false;;) {
        const double patience = sluice__patience(&pipeline->deadline);
        const double seconds  = words ? fmax(patience, 0) : 1;
        SLUICE__TRY(pipeline->transport_ops->wait_gather(pipeline->transport, which, rank->index,
                                                         all, seconds, &done));
        if (done) return SLUICE_OK;
        if (words && sluice__patience(&pipeline->deadline) <= 0)
            return sluice__deadline_passed(rank, words);
    }
}
