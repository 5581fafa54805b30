/* SPDX-License-Identifier: MIT */
/* staging.c -- two streams that hand chunks to each other by events. */
#include "runtime/transport/staging.h"

#include "runtime/base/error.h"

/* ---- join and leave ---- */

static sluice_status open_end(sluice__staging_end *end, const sluice_device_ops *ops,
                              sluice_device *device) {
    end->device = device;
    SLUICE__TRY(ops->stream_create(&end->stream, device, SLUICE_STREAM_TRANSFERS));
    for (int s = 0; s < SLUICE__STAGING_BLOCKS; s++)
        SLUICE__TRY(ops->event_create(&end->past[s], device, false));
    return SLUICE_OK;
}

static void close_end(sluice__staging_end *end, const sluice_device_ops *ops) {
    if (end->stream) ops->stream_destroy(end->stream); /* waits */
    for (int s = 0; s < SLUICE__STAGING_BLOCKS; s++)
        if (end->past[s]) ops->event_destroy(end->past[s]);
}

sluice_status sluice__staging_join(sluice__staging *staging, sluice_device *device,
                                   sluice__side side) {
    pthread_mutex_lock(staging->lock);
    staging->joined[side] = true;
    pthread_mutex_unlock(staging->lock);
    SLUICE__TRY(open_end(&staging->ends[side], staging->ops, device));
    for (int s = 0; s < SLUICE__STAGING_BLOCKS && side == SLUICE__SENDER; s++)
        SLUICE__TRY(staging->ops->host_alloc(&staging->blocks[s], device, SLUICE__STAGING_CHUNK));
    return SLUICE_OK;
}

/* The other end may be enqueuing a transfer, but not after the lock; the wait is outside it, lest
 * a device that hangs keep others from stopping. */
void sluice__staging_leave(sluice__staging *staging, sluice__side side) {
    pthread_mutex_lock(staging->lock);
    sluice__staging_end end = staging->ends[side];
    staging->ends[side]     = (sluice__staging_end){.device = NULL};
    pthread_mutex_unlock(staging->lock);
    if (!end.device) return;
    close_end(&end, staging->ops);
    pthread_mutex_lock(staging->lock);
    staging->joined[side] = false;
    for (int s = 0; s < SLUICE__STAGING_BLOCKS && !staging->joined[1 - side]; s++) {
        staging->ops->host_free(end.device, staging->blocks[s]);
        staging->blocks[s] = NULL;
    }
    pthread_mutex_unlock(staging->lock);
}

/* ---- transfers ---- */

/* Into a block once the chunk before has left it, and out of it once this one has arrived. */
static sluice_status copy_chunk(sluice__staging *staging, const void *from, void *to,
                                size_t bytes) {
    const sluice_device_ops *const ops = staging->ops;
    sluice__staging_end *const in      = &staging->ends[SLUICE__SENDER];
    sluice__staging_end *const out     = &staging->ends[SLUICE__RECEIVER];
    const int s                        = staging->next;
    staging->next                      = (s + 1) % SLUICE__STAGING_BLOCKS;
    SLUICE__TRY(ops->wait(in->stream, out->past[s]));
    SLUICE__TRY(ops->download(in->stream, staging->blocks[s], from, bytes));
    SLUICE__TRY(ops->record(in->stream, in->past[s]));
    SLUICE__TRY(ops->wait(out->stream, in->past[s]));
    SLUICE__TRY(ops->upload(out->stream, to, staging->blocks[s], bytes));
    return ops->record(out->stream, out->past[s]);
}

sluice_status sluice__staging_copy(sluice__staging *staging, const sluice__staged *from,
                                   const sluice__staged *to, size_t bytes) {
    const sluice_device_ops *const ops = staging->ops;
    sluice_stream *const in            = staging->ends[SLUICE__SENDER].stream;
    sluice_stream *const out           = staging->ends[SLUICE__RECEIVER].stream;
    SLUICE__TRY(ops->wait(in, from->event));
    SLUICE__TRY(ops->wait(out, to->event));
    for (size_t at = 0; at < bytes; at += SLUICE__STAGING_CHUNK) {
        const size_t left = bytes - at;
        SLUICE__TRY(copy_chunk(staging, (const char *)from->buffer + at, (char *)to->buffer + at,
                               left < SLUICE__STAGING_CHUNK ? left : SLUICE__STAGING_CHUNK));
    }
    SLUICE__TRY(ops->record(in, from->event));
    return ops->record(out, to->event);
}
