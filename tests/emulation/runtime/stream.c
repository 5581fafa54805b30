/* SPDX-License-Identifier: MIT */
/* stream.c -- the one place that creates streams and queues work on them. */
#include "internal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct CUstream_st *emu__streams;
static int last_number;
static __thread const void *asked_from;

void emu__streams_forget(void) {
    last_number = 0; /* a stream's number is part of its seed */
}

void emu__expect_stream(cudaStream_t stream, const char *function) {
    if (!stream || stream == cudaStreamLegacy || stream == cudaStreamPerThread)
        emu__report("%s uses the default stream, which waits for others: name a stream", function);
    const struct CUstream_st *s = emu__streams;
    while (s && s != stream) s = s->next;
    if (!s) emu__report("%s: %p is not a stream, or was destroyed", function, (void *)stream);
}

void emu__asked_from(const void *caller) {
    asked_from = caller;
}

void emu__host_touches(const void *at, size_t bytes, bool writes) {
    emu__called_from(asked_from);
    if (writes)
        emu__writes(at, bytes);
    else
        emu__reads(at, bytes);
    emu__returned();
}

static bool is_half_empty(void *stream) {
    return ((const struct CUstream_st *)stream)->queued <= emu__settings.queue / 2;
}

void emu__enqueue(cudaStream_t stream, const emu__operation *operation) {
    if (stream->queued >= emu__settings.queue) {
        emu__count("full queue");
        emu__wait(is_half_empty, stream, operation->what);
    }
    emu__operation *const o = emu__need(sizeof *o);
    *o                      = *operation;
    o->next                 = NULL;
    o->caller               = asked_from;
    emu__give(&o->asked);
    emu__inject_into(o);
    if (stream->tail)
        stream->tail->next = o;
    else
        stream->head = o;
    stream->tail = o;
    stream->queued++;
    stream->enqueued++;
    emu__wake();
}

cudaError_t emu__work(cudaStream_t stream, const char *what, emu__function *run, void *argument,
                      emu__function *release) {
    emu__expect_no_error(what, true);
    emu__lock();
    emu__expect_stream(stream, what);
    const bool right = stream->device == emu__device();
    if (right)
        emu__enqueue(stream, &(emu__operation){.kind     = EMU__WORK,
                                               .what     = what,
                                               .run      = run,
                                               .argument = argument,
                                               .release  = release});
    emu__unlock();
    if (!right && release) release(argument);
    return emu__fail(right ? cudaSuccess : cudaErrorInvalidResourceHandle, what);
}

/* ---- the API ---- */

static void *name_somebody(const struct CUstream_st *stream) {
    char name[64];
    (void)snprintf(name, sizeof name, "stream %d of device %d", stream->number, stream->device);
    return emu__somebody(name);
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *out, unsigned flags, int priority) {
    EMU__ENTER_CONTEXT();
    if (!out || (flags != cudaStreamDefault && flags != cudaStreamNonBlocking))
        return emu__fail(cudaErrorInvalidValue, __func__);
    static const int slowness[] = {0, 1, 1, 6};
    struct CUstream_st *const s = emu__need(sizeof *s);
    emu__lock();
    s->device    = emu__device();
    s->number    = ++last_number;
    s->flags     = flags;
    s->priority  = priority > 0 ? 0 : priority < -5 ? -5 : priority; /* clamped, as CUDA does */
    s->random    = emu__seed((uint64_t)s->number);
    s->slowness  = slowness[emu__random(&s->random) % 4];
    s->who       = name_somebody(s);
    s->next      = emu__streams;
    emu__streams = s;
    emu__live("stream", 1);
    emu__unlock();
    if (!emu__settings.lazy) {
        pthread_t *const thread = emu__need(sizeof *thread);
        if (pthread_create(thread, NULL, emu__worker, s) != 0)
            emu__report("no thread for stream %d", s->number);
        s->thread = thread;
    }
    *out = s;
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags) {
    return cudaStreamCreateWithPriority(out, flags, 0);
}

cudaError_t cudaStreamCreate(cudaStream_t *out) {
    return cudaStreamCreateWithPriority(out, cudaStreamDefault, 0);
}

static void take_out(const struct CUstream_st *stream) {
    struct CUstream_st **at = &emu__streams;
    while (*at != stream) at = &(*at)->next;
    *at = stream->next;
}

/* Queued work is done first. CUDA would return before that, but no caller can tell, since it may
 * not rely on what was done. */
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    cudaError_t error = cudaSuccess;
    if (!emu__enter_back(__func__, &error)) return error;
    emu__lock();
    emu__expect_stream(stream, __func__);
    emu__wait(emu__stream_idle, stream, __func__);
    stream->closing = true;
    take_out(stream);
    emu__live("stream", -1);
    emu__wake();
    emu__unlock();
    if (stream->thread) {
        (void)pthread_join(*(pthread_t *)stream->thread, NULL);
        free(stream->thread);
    }
    emu__grid_free(stream->grid);
    emu__nobody(stream->who);
    if (error == cudaSuccess) error = emu__broken(stream->device);
    free(stream);
    return emu__fail(error, __func__);
}

cudaError_t cudaStreamGetPriority(cudaStream_t stream, int *priority) {
    EMU__ENTER();
    emu__lock();
    emu__expect_stream(stream, __func__);
    *priority = stream->priority;
    emu__unlock();
    return cudaSuccess;
}

cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned *flags) {
    EMU__ENTER();
    emu__lock();
    emu__expect_stream(stream, __func__);
    *flags = stream->flags;
    emu__unlock();
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    cudaError_t error = cudaSuccess;
    if (!emu__enter_back(__func__, &error)) return error;
    emu__lock();
    emu__expect_stream(stream, __func__);
    emu__wait(emu__stream_idle, stream, __func__);
    emu__rely_on_stream(stream);
    if (error == cudaSuccess) error = emu__broken(stream->device);
    emu__unlock();
    return emu__fail(error, __func__);
}

/* Lazy: polling makes progress, or a polling loop would never end. */
cudaError_t cudaStreamQuery(cudaStream_t stream) {
    EMU__ENTER();
    emu__lock();
    emu__expect_stream(stream, __func__);
    const bool idle = emu__stream_idle(stream);
    if (idle) emu__rely_on_stream(stream);
    if (!idle && emu__settings.lazy) (void)emu__step_any();
    const cudaError_t code = emu__broken(stream->device);
    emu__unlock();
    return emu__fail(code != cudaSuccess ? code : idle ? cudaSuccess : cudaErrorNotReady, __func__);
}

cudaError_t cudaDeviceSynchronize(void) {
    EMU__ENTER();
    int device = emu__device();
    emu__lock();
    emu__wait(emu__device_idle, &device, __func__);
    emu__rely_on_device(device);
    emu__unlock();
    return emu__fail(emu__broken(device), __func__);
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *argument) {
    EMU__ENTER();
    emu__expect_no_error(__func__, false);
    emu__lock();
    emu__expect_stream(stream, __func__);
    emu__enqueue(stream, &(emu__operation){.kind     = EMU__HOST,
                                           .what     = "host function",
                                           .run      = function,
                                           .argument = argument});
    emu__unlock();
    return cudaSuccess;
}
