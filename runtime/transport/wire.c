/* SPDX-License-Identifier: MIT */
/* wire.c -- a link of virtual devices, whose channels are served in turn. */
#include "runtime/transport/wire.h"

#include <pthread.h>

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"

typedef struct queue {
    double *posted, *over; /* per transfer: when both ends were; when its bytes are there */
    size_t *bytes;
    int count, served; /* posted so far; of these, those whose end is certain */
} queue;

struct sluice__wire {
    pthread_mutex_t lock;
    double latency_s, bytes_per_s;
    double free; /* when everything served so far is over */
    queue *queues;
    int channels;
};

sluice_status sluice__wire_make(sluice__wire **out, const int *transfers, int channels,
                                double latency_s, double bytes_per_s) {
    sluice__wire *wire;
    SLUICE__TRY(sluice__alloc(&wire, 1, sizeof *wire));
    wire->latency_s      = latency_s;
    wire->bytes_per_s    = bytes_per_s;
    wire->channels       = channels;
    sluice_status status = SLUICE_OK;
    pthread_mutex_init(&wire->lock, NULL);
    SLUICE__TRY_OUT(sluice__alloc(&wire->queues, (size_t)channels, sizeof *wire->queues));
    for (int c = 0; c < channels; c++) {
        const size_t count = (size_t)transfers[c];
        SLUICE__TRY_OUT(sluice__alloc(&wire->queues[c].posted, count, sizeof(double)));
        SLUICE__TRY_OUT(sluice__alloc(&wire->queues[c].over, count, sizeof(double)));
        SLUICE__TRY_OUT(sluice__alloc(&wire->queues[c].bytes, count, sizeof(size_t)));
    }
    *out = wire;
out:
    if (status != SLUICE_OK) sluice__wire_free(wire);
    return status;
}

void sluice__wire_free(sluice__wire *wire) {
    if (!wire) return;
    for (int c = 0; wire->queues && c < wire->channels; c++) {
        sluice__free(wire->queues[c].posted);
        sluice__free(wire->queues[c].over);
        sluice__free(wire->queues[c].bytes);
    }
    pthread_mutex_destroy(&wire->lock);
    sluice__free(wire->queues);
    sluice__free(wire);
}

void sluice__wire_begin(sluice__wire *wire) {
    for (int c = 0; c < wire->channels; c++) wire->queues[c].count = wire->queues[c].served = 0;
    wire->free = 0;
}

/* The queue whose head is ready first, and when; NULL: all are empty. */
static queue *find_ready(const sluice__wire *wire, double *ready) {
    queue *first = NULL;
    for (int c = 0; c < wire->channels; c++) {
        queue *at = &wire->queues[c];
        if (at->served == at->count) continue;
        const double posted = at->posted[at->served];
        const double before = at->served > 0 ? at->over[at->served - 1] : 0;
        const double then   = (before > posted ? before : posted) + wire->latency_s;
        if (first && *ready <= then) continue;
        first  = at;
        *ready = then;
    }
    return first;
}

/* A later post is ready after the latency at the earliest: the order of all that is ready by then
 * is certain. */
static void serve(sluice__wire *wire) {
    const double certain = sluice__now() + wire->latency_s;
    double ready         = 0;
    for (queue *at; (at = find_ready(wire, &ready)) && ready <= certain; at->served++) {
        const double bytes = (double)at->bytes[at->served];
        wire->free         = ready > wire->free ? ready : wire->free;
        if (wire->bytes_per_s > 0) wire->free += bytes / wire->bytes_per_s;
        at->over[at->served] = wire->free;
    }
}

void sluice__wire_add(sluice__wire *wire, int channel, size_t bytes) {
    queue *at = &wire->queues[channel];
    pthread_mutex_lock(&wire->lock);
    at->posted[at->count] = sluice__now();
    at->bytes[at->count]  = bytes;
    at->count++;
    serve(wire);
    pthread_mutex_unlock(&wire->lock);
}

bool sluice__wire_over(sluice__wire *wire, int channel, int k, double *time) {
    const queue *at = &wire->queues[channel];
    double ready    = 0;
    pthread_mutex_lock(&wire->lock);
    serve(wire);
    const bool certain = k < at->served;
    if (certain)
        *time = at->over[k];
    else if (find_ready(wire, &ready))
        *time = ready - wire->latency_s;
    pthread_mutex_unlock(&wire->lock);
    return certain;
}
