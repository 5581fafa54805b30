/* SPDX-License-Identifier: MIT */
/*
 * event.c -- the one place for events: records are numbered, and a wait names the record it waits
 * for.
 *
 * A wait refers to the last record enqueued before the wait; later records do not change that, and
 * an event that was never recorded holds nothing up.
 */
#include "internal.h"

#include <stdlib.h>
#include <time.h>

static struct CUevent_st *events; /* destroyed ones, too: queued work may still refer to them */
static int last_number;

/* The event becomes the first in the list: it is asked for again soon, there may be thousands. */
static void expect_event(struct CUevent_st *event, const char *function) {
    struct CUevent_st **at = &events;
    while (*at && *at != event) at = &(*at)->next;
    if (!*at) emu__report("%s: %p is not an event", function, (void *)event);
    *at         = event->next;
    event->next = events;
    events      = event;
    if (event->destroyed) emu__report("%s: event %d is destroyed", function, event->number);
}

void emu__record_let_go(emu__record *record) {
    if (record && --record->users == 0) free(record);
}

void emu__events_forget(void) {
    while (events) {
        struct CUevent_st *const first = events;
        events                         = first->next;
        emu__record_let_go(first->last);
        free(first);
    }
}

void emu__event_reached(struct CUevent_st *event, uint64_t ticket) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    if (ticket <= event->done) return; /* an earlier record, on a slower stream */
    event->done    = ticket;
    event->done_ms = (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags) {
    EMU__ENTER_CONTEXT();
    if (!out) return emu__fail(cudaErrorInvalidValue, __func__);
    struct CUevent_st *const e = emu__need(sizeof *e);
    emu__lock();
    e->device = emu__device();
    e->flags  = flags;
    e->number = ++last_number;
    e->next   = events;
    events    = e;
    emu__live("event", 1);
    emu__unlock();
    *out = e;
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *out) {
    return cudaEventCreateWithFlags(out, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    cudaError_t error = cudaSuccess;
    if (!emu__enter_back(__func__, &error)) return error;
    emu__lock();
    expect_event(event, __func__);
    event->destroyed = true;
    emu__live("event", -1);
    emu__unlock();
    return emu__fail(error != cudaSuccess ? error : emu__broken(event->device), __func__);
}

/* One reference for the event and one for the operation. */
static emu__record *new_record(struct CUevent_st *event) {
    emu__record_let_go(event->last);
    event->last        = emu__need(sizeof *event->last);
    event->last->users = 2;
    return event->last;
}

static emu__record *use_record(const struct CUevent_st *event) {
    if (event->last) event->last->users++;
    return event->last;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    EMU__ENTER();
    emu__expect_no_error(__func__, false);
    emu__lock();
    expect_event(event, __func__);
    emu__expect_stream(stream, __func__);
    const bool right = event->device == stream->device;
    if (right)
        emu__enqueue(stream, &(emu__operation){.kind   = EMU__RECORD,
                                               .what   = "event record",
                                               .event  = event,
                                               .ticket = ++event->recorded,
                                               .record = new_record(event)});
    emu__unlock();
    return emu__fail(right ? cudaSuccess : cudaErrorInvalidResourceHandle, __func__);
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
    if (flags != cudaEventRecordDefault) return emu__fail(cudaErrorInvalidValue, __func__);
    return cudaEventRecord(event, stream);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
    EMU__ENTER();
    emu__expect_no_error(__func__, false);
    (void)flags;
    emu__lock();
    expect_event(event, __func__);
    emu__expect_stream(stream, __func__);
    emu__enqueue(stream, &(emu__operation){.kind   = EMU__WAIT,
                                           .what   = "event wait",
                                           .event  = event,
                                           .ticket = event->recorded,
                                           .record = use_record(event)});
    emu__unlock();
    return cudaSuccess;
}

struct moment {
    const struct CUevent_st *event;
    uint64_t ticket;
};

static bool moment_reached(void *argument) {
    const struct moment *const moment = argument;
    return moment->event->done >= moment->ticket;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    cudaError_t error = cudaSuccess;
    if (!emu__enter_back(__func__, &error)) return error;
    emu__lock();
    expect_event(event, __func__);
    struct moment moment      = {event, event->recorded};
    emu__record *const record = use_record(event);
    emu__wait(moment_reached, &moment, __func__);
    if (record) emu__rely_on(&record->reached);
    emu__record_let_go(record);
    if (error == cudaSuccess) error = emu__broken(event->device);
    emu__unlock();
    return emu__fail(error, __func__);
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
    EMU__ENTER();
    emu__lock();
    expect_event(event, __func__);
    const bool done = event->done >= event->recorded;
    if (done && event->last) emu__rely_on(&event->last->reached);
    if (!done && emu__settings.lazy) (void)emu__step_any();
    const cudaError_t code = emu__broken(event->device);
    emu__unlock();
    return emu__fail(code != cudaSuccess ? code : done ? cudaSuccess : cudaErrorNotReady, __func__);
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end) {
    EMU__ENTER();
    emu__lock();
    expect_event(start, __func__);
    expect_event(end, __func__);
    const bool timed    = !((start->flags | end->flags) & cudaEventDisableTiming);
    const bool recorded = start->recorded > 0 && end->recorded > 0;
    const bool done     = start->done >= start->recorded && end->done >= end->recorded;
    if (timed && recorded && done) *ms = (float)(end->done_ms - start->done_ms);
    emu__unlock();
    if (!timed || !recorded) return emu__fail(cudaErrorInvalidResourceHandle, __func__);
    return emu__fail(done ? cudaSuccess : cudaErrorNotReady, __func__);
}
