/* SPDX-License-Identifier: MIT */
/*
 * clock.c -- when each instruction ran on a GPU, by events around it on the compute stream.
 *
 * The host only issues; what a wait holds up is the stream. Of a B, how its time divides into I and
 * W is taken to be as the issuing of its parts divides.
 */
#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/executor/internal.h"

static bool is_timed(const sluice__rank *rank) {
    return rank->clock && rank->pipeline->run.timed;
}

static int length(const sluice__rank *rank) {
    return rank->pipeline->program->rank[rank->index].count;
}

sluice_status sluice__clock_make(sluice__rank *rank, int count) {
    if (!rank->pipeline->runs_on) return SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&rank->clock, 2 * (size_t)count + 1, sizeof(sluice_event *)));
    for (int e = 0; e < 2 * count + 1; e++)
        SLUICE__TRY(rank->pipeline->ops->event_create(rank->device, true, &rank->clock[e]));
    return SLUICE_OK;
}

void sluice__clock_free(sluice__rank *rank) {
    for (int e = 0; rank->clock && e < 2 * length(rank) + 1; e++)
        if (rank->clock[e]) rank->pipeline->ops->event_destroy(rank->clock[e]);
    sluice__free(rank->clock);
}

static sluice_status mark(sluice__rank *rank, int e) {
    return is_timed(rank) ? rank->pipeline->ops->record(rank->stream, rank->clock[e]) : SLUICE_OK;
}

/* The stream is idle: it comes to this at once. */
sluice_status sluice__clock_start(sluice__rank *rank) {
    rank->clock_start = sluice__now() - rank->pipeline->run.start;
    return mark(rank, 0);
}

sluice_status sluice__clock_begin(sluice__rank *rank, int n) {
    return mark(rank, 2 * n + 1);
}

sluice_status sluice__clock_end(sluice__rank *rank, int n) {
    return mark(rank, 2 * n + 2);
}

sluice_status sluice__clock_read(sluice__rank *rank) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    for (int n = 0; n < length(rank) && is_timed(rank); n++) {
        const double issued = rank->end[n] - rank->begin[n];
        double begin = 0, end = 0;
        SLUICE__TRY(ops->seconds(rank->clock[0], rank->clock[2 * n + 1], &begin));
        SLUICE__TRY(ops->seconds(rank->clock[0], rank->clock[2 * n + 2], &end));
        rank->begin[n]  = rank->clock_start + begin;
        rank->end[n]    = rank->clock_start + end;
        rank->weight[n] = issued > 0 ? rank->weight[n] / issued * (end - begin) : 0;
    }
    return SLUICE_OK;
}
