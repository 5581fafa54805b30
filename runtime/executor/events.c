/* SPDX-License-Identifier: MIT */
/*
 * events.c -- order between a rank's streams, and how far its host runs ahead of them.
 *
 *   compute    F0 . F1 . F2 . . . wait(over) B0          records an event after every instruction
 *                 \_after_\                 /
 *   transfers           post(F1) . copy . over            waits for what a post comes `after`
 *
 * Events are few and reused. Waiting for a later recording of an event waits for more than needed,
 * never for less, and only for work that is enqueued already and depends on nothing else. (A
 * transport where such a wait could depend on a partner's later call has its own events.) The event
 * of a compute instruction is reused only after the host has seen that instruction end.
 */
#include "runtime/executor/events.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/executor/exchange.h"
#include "runtime/executor/failure.h"

enum {
    AHEAD = 8, /* most compute instructions that are issued and not known to be over */
    MARKS = 32 /* events of posts */
};

struct sluice__events {
    sluice_event *computed[AHEAD]; /* ends of the last compute instructions */
    int computed_at[AHEAD];        /* which those are */
    sluice_event *marks[MARKS];
    sluice_event *idle;       /* of the compute stream */
    int ahead;                /* compute instructions whose launches fit into a stream's queue */
    int posts;                /* so far */
    int computes, first_post; /* of this run */
    int over;                 /* computes that the host has seen end */
};

/* Entries of a queue that an action of the stage takes, at most. */
static int64_t count_launches(const sluice__layout *stage) {
    enum { LAYER = 20, OWN = 8 }; /* of one that does not say; events, waits and uploads */
    int64_t launches = OWN;
    for (int n = 0; n < stage->count; n++) {
        const int64_t known = stage->descriptions[n].launches;
        launches += known > 0 ? known : LAYER;
    }
    return launches;
}

/* A host that fills a stream's queue blocks inside a launch, where it cannot check the deadline.
 * With fewer than two instructions issued ahead, the device would run out of work. */
static int choose_ahead(const sluice__rank *rank) {
    enum { QUEUE = 1024 /* of a stream */, MIN_AHEAD = 2 };
    const sluice_program *program = rank->pipeline->program;
    int64_t launches              = 1;
    for (int s = 0; s < program->stages; s++) {
        if (program->stage_rank[s] != rank->index) continue;
        const int64_t stage = count_launches(&program->layouts[s]);
        if (stage > launches) launches = stage;
    }
    const int64_t fit = QUEUE / launches;
    return fit < MIN_AHEAD ? MIN_AHEAD : fit > AHEAD ? AHEAD : (int)fit;
}

sluice_status sluice__events_make(sluice__rank *rank) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    SLUICE__TRY(sluice__alloc(&rank->events, 1, sizeof *rank->events));
    struct sluice__events *const events = rank->events;
    events->ahead                       = choose_ahead(rank);
    for (int e = 0; e < AHEAD; e++)
        SLUICE__TRY(ops->event_create(&events->computed[e], rank->device, false));
    for (int e = 0; e < MARKS; e++)
        SLUICE__TRY(ops->event_create(&events->marks[e], rank->device, false));
    return ops->event_create(&events->idle, rank->device, false);
}

void sluice__events_free(sluice__rank *rank) {
    const sluice_device_ops *ops        = rank->pipeline->ops;
    struct sluice__events *const events = rank->events;
    if (!events) return;
    for (int e = 0; e < AHEAD; e++)
        if (events->computed[e]) ops->event_destroy(events->computed[e]);
    for (int e = 0; e < MARKS; e++)
        if (events->marks[e]) ops->event_destroy(events->marks[e]);
    if (events->idle) ops->event_destroy(events->idle);
    sluice__free(events);
    rank->events = NULL;
}

void sluice__events_begin(sluice__rank *rank) {
    struct sluice__events *const events = rank->events;
    events->computes = events->over = 0;
    events->first_post              = events->posts;
    for (int e = 0; e < AHEAD; e++) events->computed_at[e] = -1;
}

/* The first compute instruction that is not known to have ended, or that failed; -1. */
static int first_open(const sluice__rank *rank) {
    for (int c = rank->events->over; rank->pipeline->run.program && c < rank->events->computes;
         c++) {
        const int e = c % AHEAD;
        bool done   = false;
        if (rank->pipeline->ops->query(&done, rank->events->computed[e]) != SLUICE_OK || !done)
            return rank->events->computed_at[e];
    }
    return -1;
}

/* Whether the transfer that the wait `at` is for, which is issued, is not over. */
static bool is_pending(const sluice__rank *rank, const sluice_instruction *at) {
    const sluice_pipeline *pipeline = rank->pipeline;
    const sluice__transfer_end end  = sluice__end_of(rank, at);
    sluice_event *over              = NULL;
    bool done                       = true;
    if (pipeline->transport_ops->wait(pipeline->transport, &end, 0, &done, &over) != SLUICE_OK)
        return false;
    return !done || (over && pipeline->ops->query(&done, over) == SLUICE_OK && !done);
}

/* The first wait before instruction `last` whose transfer is not over, as far back as events have
 * not been reused; NULL. */
static const sluice_instruction *first_pending(const sluice__rank *rank, int last) {
    const sluice__rank_program *mine = &rank->pipeline->run.program->rank[rank->index];
    const sluice_instruction *list   = mine->list;
    const sluice_instruction *found  = NULL;
    const int made                   = rank->events->posts - rank->events->first_post,
              max                    = made < MARKS ? made : MARKS;
    const int at = atomic_load(&sluice__position_of(rank)->at); /* the count when all are issued */
    for (int n = at < mine->count ? at : mine->count - 1, posts = 0; n >= 0 && posts < max; n--) {
        posts += sluice__is_post(&list[n]);
        if (n < last && list[n].kind == SLUICE_INSTRUCTION_WAIT && is_pending(rank, &list[n]))
            found = &list[n];
    }
    return found;
}

/* The deadline passed while the device waits for a partner, or is still at work. */
static sluice_status device_is_late(sluice__rank *rank) {
    const sluice_program *program = rank->pipeline->run.program;
    char whole[128]               = "its device";
    if (!program) return sluice__deadline_passed(rank, whole);
    const int at                   = first_open(rank);
    const sluice_instruction *hold = first_pending(rank, at >= 0 ? at : INT_MAX);
    if (hold) {
        sluice__describe_instruction(whole, sizeof whole, hold);
    } else if (at >= 0) {
        char words[SLUICE__WORDS];
        sluice__describe_instruction(words, sizeof words, &program->rank[rank->index].list[at]);
        (void)snprintf(whole, sizeof whole, "the end of %s on its device", words);
    }
    return sluice__deadline_passed(rank, whole);
}

/* A device reports errors late: attribute this one to an earlier instruction than the host's. */
static sluice_status blame(sluice__rank *rank) {
    const sluice_error error = *sluice_last_error();
    const int at             = first_open(rank);
    if (at >= 0) atomic_store(&sluice__position_of(rank)->at, at);
    return sluice__fail_again(&error);
}

sluice_status sluice__await(sluice__rank *rank, sluice_event *event) {
    sluice_pipeline *pipeline        = rank->pipeline;
    static const struct timespec nap = {0, 20000}; /* 20 us: less than a launch and its return */
    for (bool done = false;;) {
        if (pipeline->ops->query(&done, event) != SLUICE_OK) return blame(rank);
        atomic_store(&sluice__position_of(rank)->awaits, !done);
        if (done) return SLUICE_OK;
        if (atomic_load(&pipeline->failed)) return sluice__stopped();
        SLUICE__TRY(pipeline->transport_ops->poll(pipeline->transport, rank->index));
        if (sluice__patience(&pipeline->deadline) <= 0) return device_is_late(rank);
        (void)nanosleep(&nap, NULL);
    }
}

/* Wait for the first `count` compute instructions of the run. */
static sluice_status await_computes(sluice__rank *rank, int count) {
    for (; rank->events->over < count; rank->events->over++)
        SLUICE__TRY(sluice__await(rank, rank->events->computed[rank->events->over % AHEAD]));
    return SLUICE_OK;
}

sluice_status sluice__before_compute(sluice__rank *rank) {
    return await_computes(rank, rank->events->computes - rank->events->ahead + 1);
}

sluice_status sluice__after_compute(sluice__rank *rank, int n) {
    const int e                  = rank->events->computes++ % AHEAD;
    rank->events->computed_at[e] = n;
    return rank->pipeline->ops->record(rank->stream, rank->events->computed[e]);
}

/* An instruction whose event is reused has ended: the host waited for it. */
sluice_status sluice__transfers_after(sluice__rank *rank, int n) {
    for (int e = 0; e < AHEAD && n >= 0; e++)
        if (rank->events->computed_at[e] == n)
            return rank->pipeline->ops->wait(rank->transfers, rank->events->computed[e]);
    return SLUICE_OK;
}

sluice__mark sluice__next_mark(sluice__rank *rank) {
    return (sluice__mark){rank->transfers, rank->events->marks[rank->events->posts++ % MARKS]};
}

/* A buffer may be sent and then received into without a compute in between, and the two copies may
 * be on the streams of two ranks, which nothing else orders. */
sluice_status sluice__work_after(sluice__rank *rank, sluice_event *over, bool sends) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    if (!over) return SLUICE_OK;
    if (sends) SLUICE__TRY(ops->wait(rank->transfers, over));
    return ops->wait(rank->stream, over);
}

sluice_status sluice__drain(sluice__rank *rank) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    /* In order, so that the one that failed is known. */
    SLUICE__TRY(await_computes(rank, rank->events->computes));
    SLUICE__TRY(ops->record(rank->stream, rank->events->idle));
    SLUICE__TRY(sluice__await(rank, rank->events->idle));
    return ops->synchronize(rank->stream);
}
