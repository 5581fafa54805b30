/* SPDX-License-Identifier: MIT */
/* wait.c -- the one place where a host thread waits for devices, and notices a deadlock. */
#include "internal.h"

bool emu__stream_idle(void *stream) {
    return ((const struct CUstream_st *)stream)->head == NULL;
}

bool emu__device_idle(void *device) {
    const int wanted = *(const int *)device;
    for (const struct CUstream_st *s = emu__streams; s; s = s->next)
        if (s->device == wanted && s->head) return false;
    return true;
}

void emu__rely_on_stream(struct CUstream_st *stream) {
    void *const host = emu__act_for(stream->who);
    emu__give(&stream->done);
    (void)emu__act_for(host);
    emu__rely_on(&stream->done);
}

void emu__rely_on_device(int device) {
    for (struct CUstream_st *s = emu__streams; s; s = s->next)
        if (s->device == device && !s->head) emu__rely_on_stream(s);
}

/* It runs, or could run: a thread that the machine delays is not a deadlock. */
static bool anything_goes_on(void) {
    for (const struct CUstream_st *s = emu__streams; s; s = s->next)
        if (s->running || emu__ready(s)) return true;
    return false;
}

static int patience_ms(void) {
    return emu__settings.timeout_ms * (anything_goes_on() ? 20 : 1);
}

void emu__wait(bool (*done)(void *argument), void *argument, const char *what) {
    enum { SLICE_MS = 20 };
    uint64_t seen = emu__progress();
    int idle_ms   = 0;
    emu__count("host wait");
    while (!done(argument)) {
        if (emu__settings.lazy && emu__step_any()) {
            idle_ms = 0;
            continue;
        }
        if (!emu__sleep(SLICE_MS) && emu__progress() == seen) idle_ms += SLICE_MS;
        if (emu__progress() != seen) idle_ms = 0;
        seen = emu__progress();
        if (emu__hanging()) idle_ms = 0; /* a test asked for the hang */
        if (idle_ms >= patience_ms())
            emu__report("deadlock: nothing has happened for %d ms while the host waits in %s",
                        idle_ms, what);
    }
    emu__settle_memory(true);
}
