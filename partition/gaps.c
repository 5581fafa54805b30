/* SPDX-License-Identifier: MIT */
/* gaps.c -- what a rank allocates: its buffers placed as the memory plan places them, so that the
 * gaps between buffers of different sizes are counted. */
#include <math.h>

#include "partition/chain.h"
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/base/placement.h"

/* Bytes of a buffer; 0: its stage has none of that kind. */
static double bytes_of(const sluice__chain *chain, const sluice_held_buffer *buffer,
                       sluice__span span) {
    double kinds[SLUICE_HELD_KINDS];
    if (buffer->running != SLUICE_RUNNING_NOTHING)
        return sluice__stage_scratch(chain, buffer->running, span);
    sluice__stage_kinds(kinds, chain, span);
    return kinds[buffer->kind];
}

static int list_buffers(sluice__buffer *list, const sluice__chain *chain, int rank,
                        const sluice__span *spans) {
    const sluice_partition *p     = &chain->problem;
    const sluice__rank_stages *at = &chain->rank[rank];
    int count                     = 0;
    for (int k = 0; k < p->buffer_count; k++) {
        const sluice_held_buffer *buffer = &p->buffers[k];
        if (chain->stage_rank[buffer->stage] != rank) continue;
        int stage = 0;
        while (at->stages[stage] != buffer->stage) stage++;
        const double bytes = bytes_of(chain, buffer, spans[stage]);
        if (bytes > 0)
            list[count++] = (sluice__buffer){
                .bytes = (size_t)bytes, .begin = buffer->begin, .end = buffer->end};
    }
    return count;
}

sluice_status sluice__rank_arena(double *out, const sluice__chain *chain, int rank,
                                 const sluice__span *spans) {
    sluice__buffer *list;
    size_t total    = 0;
    const int count = chain->rank[rank].count;
    SLUICE__TRY(sluice__alloc(&list, (size_t)chain->problem.buffer_count, sizeof *list));
    const int buffers          = list_buffers(list, chain, rank, spans);
    const sluice_status status = sluice__place(list, buffers, &total);
    sluice__free(list);
    if (status != SLUICE_OK) return status;
    *out = sluice__spans_permanent(chain, spans, count) +
           fmax((double)total, sluice__received_ties(chain, spans, count));
    return SLUICE_OK;
}
