/* SPDX-License-Identifier: MIT */
/* plain.c -- what devices that are the host share: streams on which everything has happened. */
#include "runtime/device/plain.h"

#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/device/arguments.h"

sluice_status sluice__plain_count(int *count) {
    *count = 0;
    return SLUICE_OK;
}

sluice_status sluice__plain_describe(char *out, size_t bytes, int ordinal) {
    (void)ordinal;
    const int cores = sluice__usable_cores();
    (void)snprintf(out, bytes, "%d core%s", cores, cores == 1 ? "" : "s");
    return SLUICE_OK;
}

sluice_status sluice__plain_memory(size_t *available, size_t *reserve, int ordinal, int ranks) {
    (void)ordinal, (void)ranks;
    *available = SIZE_MAX;
    *reserve   = 0;
    return SLUICE_OK;
}

size_t sluice__plain_host_bytes(int threads, const char *blas) {
    (void)threads, (void)blas;
    return 0;
}

sluice_status sluice__plain_prepare(int threads, const char *blas) {
    (void)threads;
    return sluice__check_no_blas(blas, "this device multiplies nothing");
}

sluice_status sluice__plain_host_alloc(void **out, sluice_device *device, size_t bytes) {
    (void)device;
    return sluice__alloc(out, bytes, 1);
}

sluice_status sluice__plain_seconds(double *seconds, sluice_event *from, sluice_event *to) {
    (void)from, (void)to, (void)seconds;
    return sluice__fail(SLUICE_E_UNSUPPORTED, "this device has no clock");
}

void sluice__plain_host_free(sluice_device *device, void *block) {
    (void)device;
    sluice__free(block);
}

sluice_status sluice__plain_meet(sluice_device *device, int other) {
    (void)device, (void)other;
    return SLUICE_OK;
}

bool sluice__plain_reaches(sluice_device *device, sluice_device *other) {
    (void)device, (void)other;
    return true;
}

/* ---- streams and events ---- */

sluice_status sluice__plain_stream_create(sluice_stream **out, sluice_device *device,
                                          sluice_stream_kind kind) {
    (void)kind;
    sluice_stream *stream = NULL;
    SLUICE__TRY(sluice__alloc(&stream, 1, sizeof *stream));
    stream->device = device;
    *out           = stream;
    return SLUICE_OK;
}

void sluice__plain_stream_destroy(sluice_stream *stream) {
    sluice__free(stream);
}

/* All events are the same one. */
struct sluice_event {
    char nothing;
};

sluice_status sluice__plain_event_create(sluice_event **out, sluice_device *device, bool timed) {
    static sluice_event happened;
    (void)device, (void)timed;
    *out = &happened;
    return SLUICE_OK;
}

void sluice__plain_event_destroy(sluice_event *event) {
    (void)event;
}

sluice_status sluice__plain_order(sluice_stream *stream, sluice_event *event) {
    (void)stream, (void)event;
    return SLUICE_OK;
}

sluice_status sluice__plain_query(bool *done, sluice_event *event) {
    (void)event;
    *done = true;
    return SLUICE_OK;
}

sluice_status sluice__plain_synchronize(sluice_stream *stream) {
    (void)stream;
    return SLUICE_OK;
}
