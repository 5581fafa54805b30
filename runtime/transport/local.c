/* SPDX-License-Identifier: MIT */
/*
 * local.c -- transfers among threads of one process: the end that posts second copies, or has the
 * bytes staged in host memory. `local` copies where devices reach each other's memory; `host`
 * stages everything.
 *
 * Nothing here waits for asynchronous devices: the copy's stream waits for the first end's event,
 * and users of the bytes wait for the second's. Everything waits only for work that was enqueued
 * before it, so that no circular wait is possible.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/transport/host_gather.h"
#include "runtime/transport/staging.h"
#include "runtime/transport/transport.h"
#include "runtime/transport/wire.h"

/* How long a thread polls a counter before it sleeps: about as long as a wake-up takes. Not where
 * ranks share cores: a spinning rank would keep another from running. */
static const double poll_s = 50e-6;

typedef struct posted {
    void *buffer;
    size_t bytes;
    uint64_t content;
    sluice__mark mark;
    sluice_event *over[2]; /* [sluice__side]: for each end, once both are posted */
} posted;

/* A channel. At any time only one side is ahead: `waiting` holds its posts. */
typedef struct queue {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    posted *waiting;
    int capacity;
    int sent, received;
    atomic_int complete;
    sluice__wire *wire; /* says when transfers are over; NULL: when they are copied */
    int from, to, index;
    bool is_open;
    sluice_device *devices[2]; /* [sluice__side]; NULL: that rank has not joined */
    sluice__staging staging;   /* joined only by devices that may need it */
} queue;

struct sluice__transport {
    int ranks;
    double poll_s;
    const sluice_device_ops *ops;
    bool through_host; /* whatever devices reach */
    queue *queues;     /* those of each from -> to are adjacent, in the order of their numbers */
    int queue_count;
    int *first;           /* [from * ranks + to]: of the queues; [ranks * ranks]: their count */
    sluice__wire **wires; /* [from * ranks + to]; NULL: none */
    atomic_bool aborted;
    sluice__host_gather *gathers[SLUICE__GATHERS];
};

static queue *queue_of(const sluice__transport *transport, int from, int to, int channel) {
    return &transport->queues[transport->first[from * transport->ranks + to] + channel];
}

static sluice_status stopped(void) {
    return sluice__fail(SLUICE_E_STOPPED, "another rank failed first");
}

static sluice_status local_describe(char *out, size_t bytes) {
    (void)snprintf(out, bytes, "copies within this process");
    return SLUICE_OK;
}

static sluice_status host_describe(char *out, size_t bytes) {
    (void)snprintf(out, bytes, "copies through host memory within this process");
    return SLUICE_OK;
}

/* ---- open and close ---- */

/* Find where the queues of each pair of ranks begin. */
static sluice_status index_queues(sluice__transport *transport, const sluice__channel *channels,
                                  int count) {
    const size_t pairs = (size_t)transport->ranks * (size_t)transport->ranks;
    SLUICE__TRY(sluice__alloc(&transport->first, pairs + 1, sizeof *transport->first));
    for (int k = 0; k < count; k++)
        transport->first[channels[k].from * transport->ranks + channels[k].to + 1]++;
    for (size_t l = 0; l < pairs; l++) transport->first[l + 1] += transport->first[l];
    return sluice__alloc(&transport->queues, (size_t)count, sizeof *transport->queues);
}

static sluice_status open_queue(sluice__transport *transport, const sluice__channel *channel) {
    queue *opened    = queue_of(transport, channel->from, channel->to, channel->index);
    opened->from     = channel->from;
    opened->to       = channel->to;
    opened->index    = channel->index;
    opened->capacity = channel->transfers;
    opened->is_open  = true;
    pthread_mutex_init(&opened->lock, NULL);
    sluice__condition_init(&opened->moved);
    opened->staging = (sluice__staging){.ops = transport->ops, .lock = &opened->lock};
    transport->queue_count++;
    return sluice__alloc(&opened->waiting, (size_t)channel->transfers, sizeof *opened->waiting);
}

/* Give all queues of the channel's link a wire, if the link takes time. */
static sluice_status make_wire(sluice__transport *transport, const sluice__channel *channel) {
    const int l     = channel->from * transport->ranks + channel->to;
    const int first = transport->first[l], count = transport->first[l + 1] - first;
    int *transfers;
    if (transport->wires[l] || (channel->latency_s <= 0 && channel->bytes_per_s <= 0))
        return SLUICE_OK;
    SLUICE__TRY(sluice__alloc(&transfers, (size_t)count, sizeof *transfers));
    for (int k = 0; k < count; k++) transfers[k] = transport->queues[first + k].capacity;
    const sluice_status status = sluice__wire_make(&transport->wires[l], transfers, count,
                                                   channel->latency_s, channel->bytes_per_s);
    for (int k = 0; k < count; k++) transport->queues[first + k].wire = transport->wires[l];
    sluice__free(transfers);
    return status;
}

static sluice_status open_channels(sluice__transport *transport, const sluice__channel *channels,
                                   int count) {
    const size_t pairs = (size_t)transport->ranks * (size_t)transport->ranks;
    SLUICE__TRY(index_queues(transport, channels, count));
    for (int k = 0; k < count; k++) SLUICE__TRY(open_queue(transport, &channels[k]));
    SLUICE__TRY(sluice__alloc(&transport->wires, pairs, sizeof *transport->wires));
    for (int k = 0; k < count; k++) SLUICE__TRY(make_wire(transport, &channels[k]));
    return SLUICE_OK;
}

static void local_close(sluice__transport *transport) {
    if (!transport) return;
    const int pairs = transport->ranks * transport->ranks;
    for (int k = 0; transport->queues && k < transport->first[pairs]; k++) {
        queue *closed = &transport->queues[k];
        if (!closed->is_open) continue;
        pthread_mutex_destroy(&closed->lock);
        pthread_cond_destroy(&closed->moved);
        sluice__free(closed->waiting);
    }
    for (int l = 0; transport->wires && l < pairs; l++) sluice__wire_free(transport->wires[l]);
    for (int g = 0; g < SLUICE__GATHERS; g++) sluice__host_gather_close(transport->gathers[g]);
    sluice__free(transport->queues);
    sluice__free(transport->first);
    sluice__free(transport->wires);
    sluice__free(transport);
}

static sluice_status open_transport(sluice__transport **out, const sluice__world *world,
                                    const sluice__channel *channels, int count,
                                    const size_t *const gathers[SLUICE__GATHERS],
                                    const sluice_device_ops *ops, bool through_host) {
    sluice__transport *transport;
    sluice_status status = SLUICE_OK;
    if (world->local_count != world->ranks)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "transport %s joins ranks of one process, and %d of %d are here",
                            through_host ? "host" : "local", world->local_count, world->ranks);
    SLUICE__TRY(sluice__alloc(&transport, 1, sizeof *transport));
    transport->ranks        = world->ranks;
    transport->ops          = ops;
    transport->through_host = through_host;
    transport->poll_s       = world->ranks <= sluice__usable_cores() ? poll_s : 0;
    for (int g = 0; g < SLUICE__GATHERS; g++)
        SLUICE__TRY_OUT(sluice__host_gather_open(&transport->gathers[g], gathers[g], world->ranks));
    SLUICE__TRY_OUT(open_channels(transport, channels, count));
    *out      = transport;
    transport = NULL;
out:
    local_close(transport);
    return status;
}

static sluice_status local_open(sluice__transport **out, const sluice__world *world,
                                const sluice__channel *channels, int count,
                                const size_t *const gathers[SLUICE__GATHERS],
                                const sluice_device_ops *ops) {
    return open_transport(out, world, channels, count, gathers, ops, false);
}

static sluice_status host_open(sluice__transport **out, const sluice__world *world,
                               const sluice__channel *channels, int count,
                               const size_t *const gathers[SLUICE__GATHERS],
                               const sluice_device_ops *ops) {
    return open_transport(out, world, channels, count, gathers, ops, true);
}

/* Ranks exchange addresses, and what is staged is in host memory. */
static size_t local_reserve(const sluice__channel *channels, int count, int ranks, int rank) {
    (void)channels, (void)count, (void)ranks, (void)rank;
    return 0;
}

static sluice_status local_join(sluice__transport *transport, int rank, sluice_device *device,
                                sluice_stream *stream, double seconds) {
    (void)stream, (void)seconds;
    const bool may_stage = transport->through_host || !transport->ops->reaches(device, NULL);
    for (int k = 0; k < transport->queue_count; k++) {
        queue *const at = &transport->queues[k];
        if (at->from != rank && at->to != rank) continue;
        const sluice__side side = at->from == rank ? SLUICE__SENDER : SLUICE__RECEIVER;
        pthread_mutex_lock(&at->lock);
        at->devices[side] = device;
        pthread_mutex_unlock(&at->lock);
        if (may_stage) SLUICE__TRY(sluice__staging_join(&at->staging, device, side));
    }
    return SLUICE_OK;
}

static void local_leave(sluice__transport *transport, int rank) {
    for (int k = 0; k < transport->queue_count; k++) {
        queue *const at = &transport->queues[k];
        if (at->from == rank) sluice__staging_leave(&at->staging, SLUICE__SENDER);
        if (at->to == rank) sluice__staging_leave(&at->staging, SLUICE__RECEIVER);
    }
}

static void local_begin(sluice__transport *transport) {
    for (int k = 0; k < transport->queue_count; k++) {
        queue *at = &transport->queues[k];
        at->sent = at->received = 0;
        atomic_store(&at->complete, 0);
    }
    for (int l = 0; l < transport->ranks * transport->ranks; l++)
        if (transport->wires[l]) sluice__wire_begin(transport->wires[l]);
    for (int g = 0; g < SLUICE__GATHERS; g++) sluice__host_gather_begin(transport->gathers[g]);
}

/* ---- transfers ---- */

/* On the stream of `mine`, whose event says when it is over. */
static sluice_status copy_directly(const sluice_device_ops *ops, const posted *mine,
                                   const posted *other, void *to, const void *from) {
    const sluice__mark *const mark = &mine->mark;
    SLUICE__TRY(ops->wait(mark->stream, other->mark.event));
    SLUICE__TRY(ops->copy(mark->stream, to, from, mine->bytes));
    return ops->record(mark->stream, mark->event);
}

/* Each end's event says when it is over there. */
static sluice_status copy_through_host(queue *at, const sluice_device_ops *ops, const posted *mine,
                                       const posted *send, const posted *receive) {
    const sluice__staged from = {send->buffer, send->mark.event};
    const sluice__staged to   = {receive->buffer, receive->mark.event};
    SLUICE__TRY(ops->record(mine->mark.stream, mine->mark.event));
    return sluice__staging_copy(&at->staging, &from, &to, send->bytes);
}

static bool goes_through_host(const sluice__transport *transport, const queue *at) {
    return transport->through_host ||
           !transport->ops->reaches(at->devices[SLUICE__SENDER], at->devices[SLUICE__RECEIVER]);
}

/* Both ends of the next transfer are known: `mine`, posted second, copies. */
static sluice_status finish(const sluice__transport *transport, queue *at, const posted *mine,
                            posted *other, bool sends) {
    const sluice_device_ops *ops = transport->ops;
    const posted *send = sends ? mine : other, *receive = sends ? other : mine;
    if (send->bytes != receive->bytes)
        return sluice__fail(SLUICE_E_ARGUMENT, "a send of %zu bytes meets a receive of %zu",
                            send->bytes, receive->bytes);
    if (send->content != receive->content)
        return sluice__fail(SLUICE_E_SCHEDULE,
                            "what is sent is not what is received next: the two "
                            "ends of the channel disagree on the order of transfers");
    const bool by_host = goes_through_host(transport, at);
    SLUICE__TRY(by_host ? copy_through_host(at, ops, mine, send, receive)
                        : copy_directly(ops, mine, other, receive->buffer, send->buffer));
    sluice_event *const sent      = (by_host ? send : mine)->mark.event;
    sluice_event *const received  = (by_host ? receive : mine)->mark.event;
    other->over[SLUICE__SENDER]   = sent;
    other->over[SLUICE__RECEIVER] = received;
    if (at->wire) sluice__wire_add(at->wire, at->index, send->bytes);
    atomic_fetch_add(&at->complete, 1);
    pthread_cond_broadcast(&at->moved);
    return SLUICE_OK;
}

static sluice_status post(sluice__transport *transport, queue *at, bool sends, const posted *mine) {
    pthread_mutex_lock(&at->lock);
    int *own = sends ? &at->sent : &at->received, other = sends ? at->received : at->sent;
    const int k          = (*own)++;
    sluice_status status = SLUICE_OK;
    if (atomic_load(&transport->aborted)) {
        status = stopped();
    } else if (k >= at->capacity) {
        status = sluice__fail(SLUICE_E_ARGUMENT, "more than %d transfers from rank %d to rank %d",
                              at->capacity, at->from, at->to);
    } else if (k >= other) {
        at->waiting[k] = *mine; /* the other end will copy */
        status         = transport->ops->record(mine->mark.stream, mine->mark.event);
    } else {
        status = finish(transport, at, mine, &at->waiting[k], sends);
    }
    pthread_mutex_unlock(&at->lock);
    return status;
}

static sluice_status local_post_send(sluice__transport *transport, const sluice__message *message,
                                     const void *buffer, sluice__mark mark) {
    posted mine = {NULL, message->bytes, message->content, mark, {NULL}};
    memcpy(&mine.buffer, &buffer, sizeof buffer); /* only read: it is the copy's source */
    return post(transport, queue_of(transport, message->from, message->to, message->channel), true,
                &mine);
}

static sluice_status local_post_receive(sluice__transport *transport,
                                        const sluice__message *message, void *buffer,
                                        sluice__mark mark) {
    const posted mine = {buffer, message->bytes, message->content, mark, {NULL}};
    return post(transport, queue_of(transport, message->from, message->to, message->channel), false,
                &mine);
}

/* Posts never block here, so that a group needs nothing. */
static sluice_status local_group(sluice__transport *transport, int rank) {
    (void)transport;
    (void)rank;
    return SLUICE_OK;
}

/* Wait until both ends of transfer k are posted and it is copied. */
static sluice_status wait_for_copy(const sluice__transport *transport, queue *at, int k,
                                   double seconds, bool *done) {
    const double until = sluice__now() + transport->poll_s;
    do {
        if (atomic_load(&at->complete) <= k) continue;
        *done = true;
        return SLUICE_OK;
    } while (sluice__now() < until);
    const struct timespec end = sluice__time_after(seconds);
    pthread_mutex_lock(&at->lock);
    int late = 0;
    while (atomic_load(&at->complete) <= k && !atomic_load(&transport->aborted) && late == 0)
        late = pthread_cond_timedwait(&at->moved, &at->lock, &end);
    *done = atomic_load(&at->complete) > k;
    pthread_mutex_unlock(&at->lock);
    return !*done && atomic_load(&transport->aborted) ? stopped() : SLUICE_OK;
}

/* Wait until transfer k, whose ends are posted, is over on the wire, too. */
static sluice_status wait_for_wire(const sluice__transport *transport, queue *at, int k, double end,
                                   bool *done) {
    for (*done = false; !*done;) {
        double over                = 0;
        const bool certain         = sluice__wire_over(at->wire, at->index, k, &over);
        const double until         = over < end ? over : end;
        const struct timespec then = sluice__time_at(until);
        pthread_mutex_lock(&at->lock);
        while (sluice__now() < until && !atomic_load(&transport->aborted))
            (void)pthread_cond_timedwait(&at->moved, &at->lock, &then);
        pthread_mutex_unlock(&at->lock);
        *done = certain && sluice__now() >= over;
        if (atomic_load(&transport->aborted) || sluice__now() >= end) break;
    }
    return !*done && atomic_load(&transport->aborted) ? stopped() : SLUICE_OK;
}

static sluice_status local_wait(sluice__transport *transport, const sluice__transfer_end *of,
                                double seconds, bool *done, sluice_event **over) {
    queue *at        = queue_of(transport, of->from, of->to, of->channel);
    const double end = sluice__now() + seconds;
    SLUICE__TRY(wait_for_copy(transport, at, of->k, seconds, done));
    if (!*done) return SLUICE_OK;
    *over = at->waiting[of->k].over[of->sends ? SLUICE__SENDER : SLUICE__RECEIVER];
    return at->wire ? wait_for_wire(transport, at, of->k, end, done) : SLUICE_OK;
}

/* The device of the stream that copies reports its errors. */
static sluice_status local_poll(sluice__transport *transport, int rank) {
    (void)transport, (void)rank;
    return SLUICE_OK;
}

/* ---- gathers ---- */

static sluice_status local_post_gather(sluice__transport *transport, sluice__gather which, int rank,
                                       const void *mine) {
    sluice__host_gather_post(transport->gathers[which], rank, mine);
    return SLUICE_OK;
}

static sluice_status local_wait_gather(sluice__transport *transport, sluice__gather which, int rank,
                                       void *all, double seconds, bool *done) {
    (void)rank;
    return sluice__host_gather_wait(transport->gathers[which], all, seconds, done);
}

static void local_abort(sluice__transport *transport) {
    atomic_store(&transport->aborted, true);
    for (int k = 0; k < transport->queue_count; k++) {
        queue *at = &transport->queues[k];
        pthread_mutex_lock(&at->lock);
        pthread_cond_broadcast(&at->moved);
        pthread_mutex_unlock(&at->lock);
    }
    for (int g = 0; g < SLUICE__GATHERS; g++) sluice__host_gather_abort(transport->gathers[g]);
}

/* The two differ in their names, and in what open() says. */
#define ROWS                                                                                       \
    .one_queue = false, .meets = false, .compares = true, .paces = true, .close = local_close,     \
    .reserve = local_reserve, .join = local_join, .leave = local_leave, .begin = local_begin,      \
    .post_send = local_post_send, .post_receive = local_post_receive, .group_begin = local_group,  \
    .group_end = local_group, .wait = local_wait, .poll = local_poll,                              \
    .post_gather = local_post_gather, .wait_gather = local_wait_gather, .abort = local_abort

const sluice__transport_ops *sluice__transport_local(void) {
    static const sluice__transport_ops table = {
        .name = "local", .copies = true, .describe = local_describe, .open = local_open, ROWS};
    return &table;
}

const sluice__transport_ops *sluice__transport_host(void) {
    static const sluice__transport_ops table = {
        .name = "host", .copies = false, .describe = host_describe, .open = host_open, ROWS};
    return &table;
}
