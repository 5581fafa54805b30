/* SPDX-License-Identifier: MIT */
/*
 * staging.h -- the bytes of one channel through host memory, a chunk at a time: from the sender's
 * device into a block on a stream of the sender's, and out of it on one of the receiver's. Both
 * copies run while the host and everything else go on, in both directions at once, which a copy
 * between GPUs that do not reach each other's memory does not.
 */
#ifndef SLUICE_TRANSPORT_STAGING_H
#define SLUICE_TRANSPORT_STAGING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "sluice/device.h"

/* Enough for one chunk to leave while the next arrives; chunks, in bytes, long enough for the bus.
 */
enum { SLUICE__STAGING_BLOCKS = 2, SLUICE__STAGING_CHUNK = 4 << 20 };

/* Which end of a channel. */
typedef enum sluice__side { SLUICE__RECEIVER = 0, SLUICE__SENDER = 1 } sluice__side;

/* What an end makes, on its own device. */
typedef struct sluice__staging_end {
    sluice_device *device;
    sluice_stream *stream;
    sluice_event *past[SLUICE__STAGING_BLOCKS]; /* its last copy of each block */
} sluice__staging_end;

typedef struct sluice__staging {
    const sluice_device_ops *ops;
    pthread_mutex_t *lock; /* under which its transfers are enqueued */
    sluice__staging_end ends[2];
    void *blocks[SLUICE__STAGING_BLOCKS]; /* pinned; the sender's, and freed by who leaves last */
    bool joined[2];
    int next; /* block */
} sluice__staging;

/* Make what `side` needs, on its thread. E_HOST_MEMORY, E_DEVICE. */
sluice_status sluice__staging_join(sluice__staging *staging, sluice_device *device,
                                   sluice__side side);
/* Wait for what `side` has enqueued, and release it, on its thread; after that there can be no more
 * transfers. */
void sluice__staging_leave(sluice__staging *staging, sluice__side side);

/* One end of a transfer: `event` says that the buffer is ready, and once it is recorded again that
 * the transfer is over. */
typedef struct sluice__staged {
    void *buffer;
    sluice_event *event;
} sluice__staged;

/* Enqueue a transfer, under the lock. */
sluice_status sluice__staging_copy(sluice__staging *staging, const sluice__staged *from,
                                   const sluice__staged *to, size_t bytes);

#endif
