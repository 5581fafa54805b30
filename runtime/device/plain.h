/* SPDX-License-Identifier: MIT */
/*
 * plain.h -- rows of the tables of devices that are the host: its memory, no number of devices, and
 * operations that are over when they return.
 */
#ifndef SLUICE_DEVICE_PLAIN_H
#define SLUICE_DEVICE_PLAIN_H

#include "sluice/device.h"

struct sluice_stream {
    sluice_device *device;
};

sluice_status sluice__plain_count(int *count);
sluice_status sluice__plain_describe(char *out, size_t bytes, int ordinal);
sluice_status sluice__plain_memory(size_t *available, size_t *reserve, int ordinal, int ranks);
sluice_status sluice__plain_host_alloc(void **out, sluice_device *device, size_t bytes);
sluice_status sluice__plain_seconds(double *seconds, sluice_event *from, sluice_event *to);
sluice_status sluice__plain_stream_create(sluice_stream **out, sluice_device *device,
                                          sluice_stream_kind kind);
void sluice__plain_stream_destroy(sluice_stream *stream);
sluice_status sluice__plain_event_create(sluice_event **out, sluice_device *device, bool timed);
void sluice__plain_event_destroy(sluice_event *event);
/* Recording and waiting: whatever a stream could wait for has happened. */
sluice_status sluice__plain_order(sluice_stream *stream, sluice_event *event);
sluice_status sluice__plain_query(bool *done, sluice_event *event);
sluice_status sluice__plain_synchronize(sluice_stream *stream);
void sluice__plain_host_free(sluice_device *device, void *block);
size_t sluice__plain_host_bytes(int threads, const char *blas); /* 0: threads need none */
/* Nothing to do: it multiplies nothing. */
sluice_status sluice__plain_prepare(int threads, const char *blas);
/* All of them are the host. */
sluice_status sluice__plain_meet(sluice_device *device, int other);
bool sluice__plain_reaches(sluice_device *device, sluice_device *other);

/* All of them but the last and what threads need, in a device's table. */
#define SLUICE__PLAIN_ROWS                                                                         \
    .count = sluice__plain_count, .describe = sluice__plain_describe,                              \
    .memory = sluice__plain_memory, .host_alloc = sluice__plain_host_alloc,                        \
    .host_free = sluice__plain_host_free, .stream_create = sluice__plain_stream_create,            \
    .stream_destroy = sluice__plain_stream_destroy, .event_create = sluice__plain_event_create,    \
    .event_destroy = sluice__plain_event_destroy, .record = sluice__plain_order,                   \
    .wait = sluice__plain_order, .query = sluice__plain_query,                                     \
    .synchronize = sluice__plain_synchronize, .seconds = sluice__plain_seconds,                    \
    .meet = sluice__plain_meet, .reaches = sluice__plain_reaches

#endif
