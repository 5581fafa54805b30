/* SPDX-License-Identifier: MIT */
/*
 * events.c -- order between a rank's streams, and how far its host runs ahead of them.
 *
 *   compute    F0 . F1 . F2 . . . wait(over) B0          records an event after every instruction
 *                 \_after_\                 /
 *   transfers           post(F1) . copy . over            waits for what a post comes `after`
 *
 * Events are few and used again: to wait for a later recording of one is to wait for more than was
 * needed, never for less, and always for something that is enqueued already and waits for nothing
 * that is not. (A transport in which that could wait for a partner who is yet to come has events of
 * its own.) Of the last compute instructions none is forgotten before the host has seen its end.
 */
#include <stdio.h>
#include <time.h>

#include "runtime/base/error.h"
#include "runtime/executor/internal.h"

sluice_status sluice__events_make(sluice__rank *rank) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    for (int e = 0; e < SLUICE__AHEAD; e++)
        SLUICE__TRY(ops->event_create(rank->device, false, &rank->computed[e]));
    for (int e = 0; e < SLUICE__MARKS; e++)
        SLUICE__TRY(ops->event_create(rank->device, false, &rank->marks[e]));
    for (int e = 0; e < SLUICE__STAGINGS; e++)
        SLUICE__TRY(ops->event_create(rank->device, false, &rank->staged[e]));
    return ops->event_create(rank->device, false, &rank->idle);
}

void sluice__events_free(sluice__rank *rank) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    for (int e = 0; e < SLUICE__AHEAD; e++)
        if (rank->computed[e]) ops->event_destroy(rank->computed[e]);
    for (int e = 0; e < SLUICE__MARKS; e++)
        if (rank->marks[e]) ops->event_destroy(rank->marks[e]);
    for (int e = 0; e < SLUICE__STAGINGS; e++)
        if (rank->staged[e]) ops->event_destroy(rank->staged[e]);
    if (rank->idle) ops->event_destroy(rank->idle);
}

void sluice__events_begin(sluice__rank *rank) {
    rank->computes   = 0;
    rank->first_post = rank->posts;
    for (int e = 0; e < SLUICE__AHEAD; e++) rank->computed_at[e] = -1;
}

/* Whether what the wait `at` waits for, issued already, is still to come. */
static bool is_pending(const sluice__rank *rank, const sluice_instruction *at) {
    const sluice_pipeline *pipeline = rank->pipeline;
    const sluice__transfer_end end  = sluice__end_of(rank, at);
    sluice_event *over              = NULL;
    bool done                       = true;
    if (pipeline->transport_ops->wait(pipeline->transport, &end, 0, &done, &over) != SLUICE_OK)
        return false;
    return !done || (over && pipeline->ops->query(over, &done) == SLUICE_OK && !done);
}

/* What a device that does not go on waits for: the first transfer that is not over, among the last
 * whose events were not used again since. */
static void describe_hold(const sluice__rank *rank, char *out, size_t bytes) {
    const sluice_instruction *list = rank->pipeline->run.program->rank[rank->index].list;
    const sluice_instruction *hold = NULL;
    const int most = rank->posts - rank->first_post < SLUICE__MARKS ? rank->posts - rank->first_post
                                                                    : SLUICE__MARKS;
    for (int n = atomic_load(&rank->at), posts = 0; n >= 0 && posts < most; n--) {
        posts += list[n].kind == SLUICE_INSTRUCTION_POST_SEND ||
                 list[n].kind == SLUICE_INSTRUCTION_POST_RECEIVE;
        if (list[n].kind == SLUICE_INSTRUCTION_WAIT && is_pending(rank, &list[n])) hold = &list[n];
    }
    if (hold)
        sluice__describe_instruction(out, bytes, hold);
    else
        (void)snprintf(out, bytes, "its device");
}

static sluice_status held_up(sluice__rank *rank) {
    char words[96];
    describe_hold(rank, words, sizeof words);
    return sluice__deadline_passed(rank, words);
}

sluice_status sluice__await(sluice__rank *rank, sluice_event *event) {
    sluice_pipeline *pipeline        = rank->pipeline;
    static const struct timespec nap = {0, 20000}; /* 20 us: less than a launch and its return */
    for (bool done = false;;) {
        SLUICE__TRY(pipeline->ops->query(event, &done));
        if (done) return SLUICE_OK;
        if (atomic_load(&pipeline->failed)) return sluice__stopped();
        SLUICE__TRY(pipeline->transport_ops->poll(pipeline->transport, rank->index));
        if (pipeline->run.program && sluice__patience(pipeline) <= 0) return held_up(rank);
        (void)nanosleep(&nap, NULL);
    }
}

sluice_status sluice__before_compute(sluice__rank *rank) {
    if (rank->computes < SLUICE__AHEAD) return SLUICE_OK;
    return sluice__await(rank, rank->computed[rank->computes % SLUICE__AHEAD]);
}

sluice_status sluice__after_compute(sluice__rank *rank, int n) {
    const int e          = rank->computes++ % SLUICE__AHEAD;
    rank->computed_at[e] = n;
    return rank->pipeline->ops->record(rank->stream, rank->computed[e]);
}

/* One that is no longer among the last has ended: the host waited for it. */
sluice_status sluice__transfers_after(sluice__rank *rank, int n) {
    for (int e = 0; e < SLUICE__AHEAD && n >= 0; e++)
        if (rank->computed_at[e] == n)
            return rank->pipeline->ops->wait(rank->transfers, rank->computed[e]);
    return SLUICE_OK;
}

sluice__mark sluice__next_mark(sluice__rank *rank) {
    return (sluice__mark){rank->transfers, rank->marks[rank->posts++ % SLUICE__MARKS]};
}

/* What was sent from may be received into next without any compute between them, and of two copies
 * on the two ends' streams the later need not come after the earlier. */
sluice_status sluice__work_after(sluice__rank *rank, sluice_event *over, bool sends) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    if (!over) return SLUICE_OK;
    if (sends) SLUICE__TRY(ops->wait(rank->transfers, over));
    return ops->wait(rank->stream, over);
}

sluice_status sluice__drain(sluice__rank *rank) {
    const sluice_device_ops *ops = rank->pipeline->ops;
    SLUICE__TRY(ops->record(rank->stream, rank->idle));
    SLUICE__TRY(sluice__await(rank, rank->idle));
    return ops->synchronize(rank->stream);
}
