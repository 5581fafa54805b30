/* SPDX-License-Identifier: MIT */
/* connect.c -- which transport joins a pipeline's ranks, what it carries for them, and when. */
#include "runtime/executor/connect.h"

#include <math.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/executor/failure.h"
#include "runtime/executor/paced.h"
#include "runtime/executor/report.h"
#include "runtime/executor/update.h"
#include "runtime/transport/registry.h"

/* ---- which one ---- */

sluice_status sluice__choose_transport(sluice_pipeline *pipeline) {
    const sluice__transport_entry *entry = NULL;
    const char *const device             = pipeline->ops->name;
    if (pipeline->transport_ops) return SLUICE_OK; /* a test has set it */
    SLUICE__TRY(sluice__transport_find(&entry, pipeline->options.transport));
    if (sluice__transport_reaches(entry, device))
        return sluice__transport_load(&pipeline->transport_ops, entry);
    sluice__fail(SLUICE_E_ARGUMENT, "transport %s joins devices of kind %s, and the device is %s",
                 entry->name, entry->reaches, device);
    return sluice__hint(SLUICE_E_ARGUMENT, "use --device %s, or --transport local", entry->reaches);
}

/* ---- what it carries ---- */

/* A channel holds as many transfers as any program posts. All programs have the same edges. */
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

sluice_status sluice__open_transport(sluice_pipeline *pipeline) {
    size_t *norm;
    SLUICE__TRY(sluice__alloc(&norm, (size_t)pipeline->ranks, sizeof *norm));
    for (int r = 0; r < pipeline->ranks; r++) norm[r] = sluice__norm_bytes(pipeline, r);
    const size_t *const gathers[SLUICE__GATHERS] = {
        [SLUICE__GATHER_NORM]   = norm,
        [SLUICE__GATHER_REPORT] = sluice__report_bytes(pipeline),
    };
    const sluice_status status =
        pipeline->transport_ops->open(&pipeline->transport, &pipeline->world, pipeline->channels,
                                      pipeline->channel_count, gathers, pipeline->ops);
    sluice__free(norm);
    return status;
}

size_t sluice__transport_reserve(const sluice_pipeline *pipeline, int rank) {
    return pipeline->transport_ops->reserve(pipeline->channels, pipeline->channel_count,
                                            pipeline->ranks, rank);
}

/* ---- when ---- */

sluice_status sluice__meet_rank(sluice__rank *rank, void *unused) {
    (void)unused;
    const sluice_pipeline *pipeline = rank->pipeline;
    for (int c = 0; c < pipeline->channel_count && pipeline->transport_ops->copies; c++) {
        const sluice__channel *const at = &pipeline->channels[c];
        if (at->from != rank->index && at->to != rank->index) continue;
        const int other = at->from == rank->index ? at->to : at->from;
        SLUICE__TRY(pipeline->ops->meet(rank->device, pipeline->ordinals[other]));
    }
    return SLUICE_OK;
}

sluice_status sluice__join_rank(sluice__rank *rank, void *unused) {
    (void)unused;
    const sluice_pipeline *pipeline = rank->pipeline;
    return pipeline->transport_ops->join(pipeline->transport, rank->index, rank->device,
                                         rank->transfers, pipeline->deadline.seconds);
}

void sluice__leave_transport(const sluice__rank *rank) {
    const sluice_pipeline *pipeline = rank->pipeline;
    if (pipeline->transport) pipeline->transport_ops->leave(pipeline->transport, rank->index);
}
