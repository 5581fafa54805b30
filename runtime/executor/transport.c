/* SPDX-License-Identifier: MIT */
/* transport.c -- which transport joins a pipeline's ranks, what it carries for them, and when. */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/executor/internal.h"
#include "runtime/transport/registry.h"

/* ---- which one ---- */

/* In one process `local` reaches everything. */
sluice_status sluice__choose_transport(sluice_pipeline *pipeline) {
    const sluice__transport_entry *entry = NULL;
    const char *const device             = pipeline->ops->name;
    if (pipeline->transport_ops) return SLUICE_OK; /* a test's */
    SLUICE__TRY(sluice__transport_find(&entry, pipeline->options.transport));
    if (!entry->device || strcmp(entry->device, device) == 0)
        return sluice__transport_load(&pipeline->transport_ops, entry);
    sluice__fail(SLUICE_E_ARGUMENT, "transport %s joins devices of kind %s, and the device is %s",
                 entry->name, entry->device, device);
    return sluice__hint(SLUICE_E_ARGUMENT, "use --device %s, or --transport local", entry->device);
}

/* ---- what it carries ---- */

/* Transfers of each channel: the most that any program posts. All have the same edges. */
static void count_transfers(const sluice_program *program, sluice__channel *channels) {
    for (int r = 0; r < program->ranks; r++)
        for (int n = 0; n < program->rank[r].count; n++) {
            const sluice_instruction *at = &program->rank[r].list[n];
            if (at->kind != SLUICE_INSTRUCTION_POST_SEND) continue;
            sluice__channel *channel = &channels[program->edges.list[at->edge].channel];
            if (channel->transfers <= at->transfer) channel->transfers = at->transfer + 1;
        }
}

sluice_status sluice__count_channels(sluice_pipeline *pipeline) {
    const sluice__edges *edges = &pipeline->program->edges;
    sluice__channel *channels;
    SLUICE__TRY(sluice__alloc(&channels, (size_t)edges->channel_count, sizeof *channels));
    for (int c = 0; c < edges->channel_count; c++) {
        const sluice__channel_key *key = &edges->channels[c];
        channels[c]                    = (sluice__channel){key->from, key->to, key->index, 0, 0, 0};
        sluice__pace_link(pipeline, &channels[c]);
    }
    for (int k = 0; k < pipeline->plan->count; k++)
        count_transfers(pipeline->plan->programs[k], channels);
    pipeline->channels      = channels;
    pipeline->channel_count = edges->channel_count;
    return SLUICE_OK;
}

/* What a rank gives for the norm: its losses, if it has them, and a partial sum for each parameter
 * that is counted there. */
static int gathered_of(const sluice_pipeline *pipeline, int r) {
    const sluice__rank_program *mine = &pipeline->program->rank[r];
    int count = r == pipeline->loss_rank ? pipeline->program->microbatches : 0;
    for (int k = 0; k < mine->value_count; k++) count += mine->values[k].is_first;
    return count;
}

sluice_status sluice__open_transport(sluice_pipeline *pipeline) {
    int *gathers;
    SLUICE__TRY(sluice__alloc(&gathers, (size_t)pipeline->ranks, sizeof *gathers));
    for (int r = 0; r < pipeline->ranks; r++) gathers[r] = gathered_of(pipeline, r);
    const sluice_status status =
        pipeline->transport_ops->open(&pipeline->transport, pipeline->ranks, pipeline->channels,
                                      pipeline->channel_count, gathers, pipeline->ops);
    sluice__free(gathers);
    return status;
}

size_t sluice__transport_reserve(const sluice_pipeline *pipeline, int rank) {
    return pipeline->transport_ops->reserve(pipeline->channels, pipeline->channel_count,
                                            pipeline->ranks, rank);
}

/* ---- when ---- */

sluice_status sluice__join_rank(sluice__rank *rank, void *unused) {
    (void)unused;
    const sluice_pipeline *pipeline = rank->pipeline;
    return pipeline->transport_ops->join(pipeline->transport, rank->index, rank->device,
                                         rank->transfers, pipeline->options.deadline_s);
}

void sluice__leave_transport(const sluice__rank *rank) {
    const sluice_pipeline *pipeline = rank->pipeline;
    if (pipeline->transport) pipeline->transport_ops->leave(pipeline->transport, rank->index);
}
