/* SPDX-License-Identifier: MIT */
/*
 * run.c -- the one place where queued work runs: when, and for which actor.
 *
 * Asynchronous mode has a thread per stream and delays by the seed. Lazy mode has no threads:
 * nothing runs until a host thread blocks or polls; then the seed chooses among ready operations.
 */
#include "internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static __thread struct CUstream_st *running; /* the stream whose work this host thread does */
static __thread const char *running_what;

struct CUstream_st *emu__running_stream(void) {
    return running;
}

const char *emu__running_what(void) {
    return running_what;
}

bool emu__ready(const struct CUstream_st *stream) {
    const emu__operation *const head = stream->head;
    if (!head || stream->running || head->hangs) return false;
    if (head->ready && emu__broken(stream->device) == cudaSuccess && !head->ready(head->argument))
        return false;
    return head->kind != EMU__WAIT || head->event->done >= head->ticket;
}

static void run_unlocked(struct CUstream_st *stream, const emu__operation *operation) {
    const int before = emu__device();
    emu__fault_stack();
    emu__use_device(stream->device);
    running             = stream;
    running_what        = operation->what;
    void *const carrier = emu__act_for(stream->who);
    emu__called_from(operation->caller);
    operation->run(operation->argument);
    emu__returned();
    (void)emu__act_for(carrier);
    running      = NULL;
    running_what = NULL;
    emu__use_device(before);
}

static void run(struct CUstream_st *stream, const emu__operation *operation) {
    const bool device_work = operation->kind == EMU__WORK;
    const unsigned opened  = device_work ? emu__open_memory(stream->device, operation->also) : 0;
    emu__unlock();
    run_unlocked(stream, operation);
    emu__lock();
    if (device_work) emu__close_memory(opened, operation->what);
}

static void take_head(struct CUstream_st *stream) {
    emu__operation *const head = stream->head;
    stream->head               = head->next;
    if (!stream->head) stream->tail = NULL;
    stream->queued--;
    emu__record_let_go(head->record);
    if (head->release) {
        void *const carrier = emu__act_for(stream->who);
        head->release(head->argument);
        (void)emu__act_for(carrier);
    }
    free(head);
}

/* The stream's head is ordered after its enqueuing, and after the record that it waits for. */
static void begin(struct CUstream_st *stream) {
    emu__operation *const head = stream->head;
    void *const carrier        = emu__act_for(stream->who);
    emu__rely_on(&head->asked);
    if (head->kind == EMU__WAIT && head->record) emu__rely_on(&head->record->reached);
    if (head->kind == EMU__HOST) emu__rely_on(&stream->stack);
    (void)emu__act_for(carrier);
}

/* What others may rely on once it is over. */
static void reach_record(struct CUstream_st *stream) {
    const emu__operation *const head = stream->head;
    if (head->kind != EMU__RECORD) return;
    void *const carrier = emu__act_for(stream->who);
    emu__give(&head->record->reached);
    (void)emu__act_for(carrier);
    emu__event_reached(head->event, head->ticket);
}

static void finish(struct CUstream_st *stream) {
    const emu__operation *const head = stream->head;
    begin(stream);
    if (head->fault != cudaSuccess) emu__break(stream->device, head->fault);
    if (head->run && emu__broken(stream->device) == cudaSuccess) run(stream, head);
    reach_record(stream);
    take_head(stream);
    stream->running = false;
    emu__wake();
}

/* Host functions run on a host stack, which was the carrier's before. */
static void give_stack(struct CUstream_st *stream) {
    emu__give(&stream->stack);
}

static void *finish_alone(void *stream) {
    emu__lock();
    give_stack(stream);
    finish(stream);
    emu__unlock();
    return NULL;
}

/* A host function may wait for another thread: lazy mode must not be held up by it. */
void emu__step(struct CUstream_st *stream) {
    pthread_t thread;
    stream->running = true;
    if (stream->head->begin) stream->head->begin(stream->head->argument);
    if (stream->head->kind != EMU__HOST || !emu__settings.lazy) {
        finish(stream);
        return;
    }
    void *const carrier = emu__act_for(stream->who); /* the thread that waits promises nothing */
    if (pthread_create(&thread, NULL, finish_alone, stream) != 0 || pthread_detach(thread) != 0)
        emu__report("no thread for a host function of stream %d", stream->number);
    (void)emu__act_for(carrier);
}

/* A broken device does nothing more; work elsewhere that waits for its events is released. */
void emu__drop_queued(int device) {
    for (struct CUstream_st *s = emu__streams; s; s = s->next)
        while (s->device == device && s->head && !s->running) {
            begin(s);
            reach_record(s);
            take_head(s);
        }
}

/* ---- lazy ---- */

static struct {
    uint64_t random, steps;
    unsigned preferred;
    bool seeded;
} choices;

void emu__choices_forget(void) {
    choices.seeded = false;
}

/* For sixteen operations at a time one stream is preferred: the others starve. */
static struct CUstream_st *choose(struct CUstream_st *const *ready, unsigned count) {
    if (!choices.seeded) {
        choices.seeded = true;
        choices.steps  = 0;
        choices.random = emu__seed(0x6c617a79);
    }
    if (choices.steps++ % 16 == 0)
        choices.preferred = (unsigned)(emu__random(&choices.random) % 64);
    const uint64_t r = emu__random(&choices.random);
    return ready[(r & 1 ? choices.preferred : (unsigned)(r >> 40)) % count];
}

bool emu__step_any(void) {
    enum { MAX_STREAMS = 256 };
    struct CUstream_st *ready[MAX_STREAMS];
    unsigned count = 0;
    for (struct CUstream_st *s = emu__streams; s && count < MAX_STREAMS; s = s->next)
        if (emu__ready(s)) ready[count++] = s;
    if (count == 0) return false;
    emu__step(choose(ready, count));
    return true;
}

/* ---- asynchronous ---- */

/* Whether the head was delayed just now: the lock was free meanwhile. */
static bool delay(struct CUstream_st *stream) {
    emu__operation *const head = stream->head;
    if (head->delayed || head->kind == EMU__RECORD || head->kind == EMU__WAIT) return false;
    head->delayed    = true;
    const uint64_t r = emu__random(&stream->random);
    const long limit = (long)emu__settings.delay_us * stream->slowness;
    if (r % 4 != 0 || limit == 0) return false;
    stream->running = true;
    emu__unlock();
    const long us = (long)((r >> 8) % (uint64_t)limit);
    (void)nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
    emu__lock();
    stream->running = false;
    return true;
}

void *emu__worker(void *argument) {
    struct CUstream_st *const stream = argument;
    emu__lock();
    give_stack(stream);
    while (!stream->closing || stream->head) {
        if (!emu__ready(stream))
            (void)emu__sleep(1000);
        else if (!delay(stream))
            emu__step(stream);
        if (!stream->head && emu__device_idle(&stream->device)) emu__settle_memory(true);
    }
    emu__unlock();
    return NULL;
}
