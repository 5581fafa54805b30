/* SPDX-License-Identifier: MIT */
/*
 * device_times.c -- when each instruction ran on an asynchronous device, by events around it on the
 * compute stream.
 *
 * The host only issues: a wait holds up the stream. In the first B of each stage, events around the
 * W of its layers measure how its time divides; the stage's other B are taken to divide alike.
 */
#include "runtime/executor/device_times.h"

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/executor/report.h"

struct sluice__clock {
    int count;             /* instructions of the step */
    sluice_event **events; /* the step's start, then begin and end of each instruction */
    sluice_event **parts;  /* begin and end of each layer's W in a B that is divided */
    int *divided;          /* per stage: the instruction of that B, counted from 1; 0: none */
    double start;          /* of the step, in seconds after the run's start */
};

static bool is_timed(const sluice__rank *rank) {
    return rank->clock && rank->pipeline->run.timed;
}

/* Not asked of the model, which may be gone when a rank that was stuck comes back. */
static int layers_of(const sluice_program *program) {
    const sluice__layout *const last = &program->layouts[program->stages - 1];
    return last->first + last->count;
}

/* ---- make ---- */

static sluice_status create(const sluice__rank *rank, sluice_event **out) {
    return rank->pipeline->ops->event_create(out, rank->device, true);
}

static sluice_status make_parts(sluice__rank *rank) {
    const sluice_program *program    = rank->pipeline->program;
    const sluice__rank_program *mine = &program->rank[rank->index];
    const size_t layers              = (size_t)layers_of(program);
    SLUICE__TRY(sluice__alloc(&rank->clock->parts, 2 * layers, sizeof(sluice_event *)));
    SLUICE__TRY(sluice__alloc(&rank->clock->divided, (size_t)program->stages, sizeof(int)));
    for (int n = mine->count - 1; n >= 0; n--) {
        if (mine->list[n].kind != SLUICE_INSTRUCTION_BACKWARD) continue;
        const sluice__layout *const layout        = &program->layouts[mine->list[n].stage];
        const bool is_known                       = rank->clock->divided[mine->list[n].stage] > 0;
        rank->clock->divided[mine->list[n].stage] = n + 1;
        for (int e = 2 * layout->first; e < 2 * (layout->first + layout->count) && !is_known; e++)
            SLUICE__TRY(create(rank, &rank->clock->parts[e]));
    }
    return SLUICE_OK;
}

sluice_status sluice__clock_make(sluice__rank *rank, int count) {
    if (!rank->pipeline->ops->asynchronous) return SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&rank->clock, 1, sizeof *rank->clock));
    rank->clock->count = count;
    SLUICE__TRY(sluice__alloc(&rank->clock->events, 2 * (size_t)count + 1, sizeof(sluice_event *)));
    for (int e = 0; e < 2 * count + 1; e++) SLUICE__TRY(create(rank, &rank->clock->events[e]));
    return make_parts(rank);
}

static void free_events(const sluice__rank *rank, sluice_event **events, int count) {
    for (int e = 0; events && e < count; e++)
        if (events[e]) rank->pipeline->ops->event_destroy(events[e]);
    sluice__free(events);
}

void sluice__clock_free(sluice__rank *rank) {
    if (!rank->clock) return;
    free_events(rank, rank->clock->events, 2 * rank->clock->count + 1);
    free_events(rank, rank->clock->parts, 2 * layers_of(rank->pipeline->program));
    sluice__free(rank->clock->divided);
    sluice__free(rank->clock);
    rank->clock = NULL;
}

/* ---- run ---- */

static sluice_status mark(sluice__rank *rank, int e) {
    return is_timed(rank) ? rank->pipeline->ops->record(rank->stream, rank->clock->events[e])
                          : SLUICE_OK;
}

/* The stream is idle, so that this happens at once. */
sluice_status sluice__clock_start(sluice__rank *rank) {
    if (rank->clock) rank->clock->start = sluice__now() - rank->pipeline->run.start;
    return mark(rank, 0);
}

sluice_status sluice__clock_begin(sluice__rank *rank, int n) {
    return mark(rank, 2 * n + 1);
}

sluice_status sluice__clock_end(sluice__rank *rank, int n) {
    return mark(rank, 2 * n + 2);
}

sluice_status sluice__clock_part(sluice__rank *rank, const sluice_instruction *at, int layer,
                                 bool ends) {
    const ptrdiff_t n = at - rank->pipeline->run.program->rank[rank->index].list;
    if (!is_timed(rank) || rank->clock->divided[at->stage] != n + 1) return SLUICE_OK;
    return rank->pipeline->ops->record(rank->stream, rank->clock->parts[2 * layer + ends]);
}

/* ---- read ---- */

/* Seconds spent in W in the stage's first B. */
static sluice_status read_parts(const sluice__rank *rank, int stage, double *seconds) {
    const sluice__layout *const layout = &rank->pipeline->program->layouts[stage];
    *seconds                           = 0;
    for (int l = layout->first; l < layout->first + layout->count; l++) {
        double part                 = 0;
        sluice_event *const *around = rank->clock->parts + (ptrdiff_t)2 * l;
        SLUICE__TRY(rank->pipeline->ops->seconds(&part, around[0], around[1]));
        *seconds += part;
    }
    return SLUICE_OK;
}

/* Divide the time of every B as that of its stage's first B was divided. */
static sluice_status divide(sluice__rank *rank) {
    const sluice_program *program    = rank->pipeline->program;
    const sluice__rank_program *mine = &program->rank[rank->index];
    for (int s = 0; s < program->stages; s++) {
        const int first = rank->clock->divided[s] - 1;
        double weight   = 0;
        if (first < 0) continue;
        SLUICE__TRY(read_parts(rank, s, &weight));
        const double all = rank->report->end[first] - rank->report->begin[first];
        for (int n = first; n < mine->count; n++)
            if (mine->list[n].stage == s && mine->list[n].kind == SLUICE_INSTRUCTION_BACKWARD)
                rank->report->weight[n] =
                    all > 0 ? weight / all * (rank->report->end[n] - rank->report->begin[n]) : 0;
    }
    return SLUICE_OK;
}

sluice_status sluice__clock_read(sluice__rank *rank) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    if (!is_timed(rank)) return SLUICE_OK;
    for (int n = 0; n < rank->clock->count; n++) {
        double begin = 0, end = 0;
        SLUICE__TRY(ops->seconds(&begin, rank->clock->events[0], rank->clock->events[2 * n + 1]));
        SLUICE__TRY(ops->seconds(&end, rank->clock->events[0], rank->clock->events[2 * n + 2]));
        rank->report->begin[n]  = rank->clock->start + begin;
        rank->report->end[n]    = rank->clock->start + end;
        rank->report->weight[n] = 0;
    }
    return divide(rank);
}
