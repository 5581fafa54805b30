/* SPDX-License-Identifier: MIT */
/* report.c -- what a rank reports of a run, and how the caller's thread reads it. */
#include "runtime/executor/report.h"

#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/executor/exchange.h"

/*
 * A report as it is sent, and as it lies among those of all ranks:
 *
 *     facts | begin [count] | end [count] | weight [count] | losses [micro-batches]
 */
struct sluice__reports {
    unsigned char *all;
    size_t *bytes; /* [ranks] */
    size_t *begin; /* [ranks]: where each begins */
};

static size_t count_of(const sluice_pipeline *pipeline, int r) {
    return (size_t)pipeline->program->rank[r].count;
}

static size_t losses_of(const sluice_pipeline *pipeline, int r) {
    return r == pipeline->loss_rank ? (size_t)sluice__max_microbatches(pipeline) : 0;
}

static size_t bytes_of(const sluice_pipeline *pipeline, int r) {
    return sizeof(sluice__report) +
           (3 * count_of(pipeline, r) + losses_of(pipeline, r)) * sizeof(double);
}

_Static_assert(sizeof(sluice__report) % sizeof(double) == 0, "what follows is aligned");

/* ---- on a rank's thread ---- */

sluice_status sluice__report_make(sluice__rank *rank) {
    const sluice_pipeline *pipeline = rank->pipeline;
    const size_t count = count_of(pipeline, rank->index), losses = losses_of(pipeline, rank->index);
    SLUICE__TRY(sluice__alloc(&rank->report, 1, sizeof *rank->report));
    struct sluice__report_draft *const draft = rank->report;
    SLUICE__TRY(sluice__alloc(&draft->begin, count, sizeof(double)));
    SLUICE__TRY(sluice__alloc(&draft->end, count, sizeof(double)));
    SLUICE__TRY(sluice__alloc(&draft->weight, count, sizeof(double)));
    SLUICE__TRY(sluice__alloc(&draft->losses, losses, sizeof(double)));
    return sluice__alloc(&draft->sent, bytes_of(pipeline, rank->index), 1);
}

void sluice__report_free(sluice__rank *rank) {
    struct sluice__report_draft *const draft = rank->report;
    if (!draft) return;
    sluice__free(draft->begin);
    sluice__free(draft->end);
    sluice__free(draft->weight);
    sluice__free(draft->losses);
    sluice__free(draft->sent);
    sluice__free(draft);
}

void sluice__report_begin(sluice__rank *rank) {
    const sluice__run *const run = &rank->pipeline->run;
    rank->report->facts =
        (sluice__report){.bad_microbatch = -1, .bad_use = -1, .bad_layer = -1, .token = -1};
    if (run->timed) rank->report->facts.started = sluice__now() - run->start;
}

static unsigned char *append(unsigned char *to, const void *from, size_t bytes) {
    if (bytes > 0) memcpy(to, from, bytes);
    return to + bytes;
}

sluice_status sluice__report_send(sluice__rank *rank) {
    const sluice_pipeline *pipeline          = rank->pipeline;
    struct sluice__report_draft *const draft = rank->report;
    const size_t times                       = count_of(pipeline, rank->index) * sizeof(double);
    unsigned char *to                        = draft->sent;
    to                                       = append(to, &draft->facts, sizeof draft->facts);
    to                                       = append(to, draft->begin, times);
    to                                       = append(to, draft->end, times);
    to                                       = append(to, draft->weight, times);
    (void)append(to, draft->losses, losses_of(pipeline, rank->index) * sizeof(double));
    SLUICE__TRY(sluice__give(rank, SLUICE__GATHER_REPORT, draft->sent));
    if (rank->local > 0) return SLUICE_OK;
    return sluice__gather_all(rank, SLUICE__GATHER_REPORT, pipeline->reports->all, NULL);
}

/* ---- on the caller's thread ---- */

sluice_status sluice__reports_make(sluice_pipeline *pipeline) {
    const size_t p = (size_t)pipeline->ranks;
    size_t total   = 0;
    SLUICE__TRY(sluice__alloc(&pipeline->reports, 1, sizeof *pipeline->reports));
    struct sluice__reports *const reports = pipeline->reports;
    SLUICE__TRY(sluice__alloc(&reports->bytes, p, sizeof *reports->bytes));
    SLUICE__TRY(sluice__alloc(&reports->begin, p, sizeof *reports->begin));
    for (int r = 0; r < pipeline->ranks; r++) {
        reports->begin[r] = total;
        reports->bytes[r] = bytes_of(pipeline, r);
        total += reports->bytes[r];
    }
    return sluice__alloc(&reports->all, total, 1);
}

void sluice__reports_free(sluice_pipeline *pipeline) {
    if (!pipeline->reports) return;
    sluice__free(pipeline->reports->all);
    sluice__free(pipeline->reports->bytes);
    sluice__free(pipeline->reports->begin);
    sluice__free(pipeline->reports);
}

const size_t *sluice__report_bytes(const sluice_pipeline *pipeline) {
    return pipeline->reports->bytes;
}

/* Allocated memory is aligned for any type, and every part's size is a multiple of a double's. */
static void *part(const sluice_pipeline *pipeline, int r, size_t doubles) {
    return pipeline->reports->all + pipeline->reports->begin[r] + sizeof(sluice__report) +
           doubles * sizeof(double);
}

const sluice__report *sluice__report_of(const sluice_pipeline *pipeline, int r) {
    return (const void *)(pipeline->reports->all + pipeline->reports->begin[r]);
}

double *sluice__report_begins(const sluice_pipeline *pipeline, int r) {
    return part(pipeline, r, 0);
}

double *sluice__report_ends(const sluice_pipeline *pipeline, int r) {
    return part(pipeline, r, count_of(pipeline, r));
}

double *sluice__report_weights(const sluice_pipeline *pipeline, int r) {
    return part(pipeline, r, 2 * count_of(pipeline, r));
}

const double *sluice__report_losses(const sluice_pipeline *pipeline, int r) {
    return part(pipeline, r, 3 * count_of(pipeline, r));
}
