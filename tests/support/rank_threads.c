/* SPDX-License-Identifier: MIT */
/* rank_threads.c -- threads as the ranks of a transport's test. */
#include "tests/support/rank_threads.h"

#include <pthread.h>
#include <time.h>

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/executor/here.h"

struct rank_threads {
    const rank_kind *kind;
    const rank_setup *setup;
    void (*script)(rank_thread *me);
    sluice__world world;        /* the transport's */
    sluice__world script_world; /* where the scripts meet */
    sluice__transport *transport;
    pthread_barrier_t ended;
    pthread_mutex_t lock;
    char *said; /* under the lock */
    size_t said_bytes;
    rank_thread rank[RANKS_MAX];
};

double rank_patience = 20;

/* ---- failures ---- */

static void stop_all(const rank_threads *all) {
    all->script_world.bootstrap_ops->abort(all->script_world.bootstrap);
    all->kind->ops->abort(all->transport);
}

void rank_wrong(rank_thread *me, const char *format, ...) {
    rank_threads *const all = me->all;
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&all->lock);
    if (all->said[0] == '\0') {
        const int used = snprintf(all->said, all->said_bytes, "rank %d: ", me->rank);
        (void)vsnprintf(all->said + used, all->said_bytes - (size_t)used, format, arguments);
    }
    pthread_mutex_unlock(&all->lock);
    va_end(arguments);
    stop_all(all);
}

bool rank_says(rank_thread *me, const char *call, sluice_status got, sluice_status expected,
               const char *text) {
    const char *const what = got == SLUICE_OK ? "" : sluice_last_error()->what;
    if (got == expected && (!text || strcmp(what, text) == 0)) return true;
    rank_wrong(me, "%s -> %s: '%s', expected %s%s%s%s", call, sluice_status_name(got), what,
               sluice_status_name(expected), text ? ": '" : "", text ? text : "", text ? "'" : "");
    return false;
}

/* ---- functions for scripts ---- */

sluice_status rank_meet(rank_thread *me) {
    const sluice__world *const world = &me->all->script_world;
    return world->bootstrap_ops->meet(world->bootstrap, rank_patience);
}

sluice_status rank_begin(rank_thread *me) {
    SLUICE__TRY(rank_meet(me));
    if (me->rank == 0) me->ops->begin(me->transport);
    return rank_meet(me);
}

static int64_t *at_slot(const rank_thread *me, int slot) {
    return (int64_t *)(void *)me->arena + slot;
}

sluice_status rank_write(rank_thread *me, int slot, int64_t value) {
    SLUICE__TRY(me->device_ops->upload(me->stream, at_slot(me, slot), &value, sizeof value));
    return me->device_ops->synchronize(me->stream);
}

sluice_status rank_read(rank_thread *me, int slot, int64_t *value) {
    SLUICE__TRY(me->device_ops->download(me->stream, value, at_slot(me, slot), sizeof *value));
    return me->device_ops->synchronize(me->stream);
}

sluice_status rank_write_many(rank_thread *me, int slot, int count, int64_t first) {
    int64_t *numbers = NULL;
    SLUICE__TRY(sluice__alloc(&numbers, (size_t)count, sizeof *numbers));
    for (int k = 0; k < count; k++) numbers[k] = first + k;
    const size_t bytes   = (size_t)count * sizeof *numbers;
    sluice_status status = me->device_ops->upload(me->stream, at_slot(me, slot), numbers, bytes);
    if (status == SLUICE_OK) status = me->device_ops->synchronize(me->stream);
    sluice__free(numbers);
    return status;
}

sluice_status rank_compare_many(rank_thread *me, int *wrong, int slot, int count, int64_t first) {
    int64_t *numbers = NULL;
    SLUICE__TRY(sluice__alloc(&numbers, (size_t)count, sizeof *numbers));
    const size_t bytes   = (size_t)count * sizeof *numbers;
    sluice_status status = me->device_ops->download(me->stream, numbers, at_slot(me, slot), bytes);
    if (status == SLUICE_OK) status = me->device_ops->synchronize(me->stream);
    *wrong = -1;
    for (int k = count - 1; k >= 0 && status == SLUICE_OK; k--)
        if (numbers[k] != first + k) *wrong = slot + k;
    sluice__free(numbers);
    return status;
}

static sluice__mark next_mark(rank_thread *me) {
    return (sluice__mark){me->stream, me->marks[me->posts++ % RANK_MARKS]};
}

sluice_status rank_send(rank_thread *me, int to, int channel, int slot, int count) {
    const sluice__message message = {me->rank, to, channel, (size_t)count * sizeof(int64_t), 0};
    return me->ops->post_send(me->transport, &message, at_slot(me, slot), next_mark(me));
}

sluice_status rank_receive(rank_thread *me, int from, int channel, int slot, int count) {
    const sluice__message message = {from, me->rank, channel, (size_t)count * sizeof(int64_t), 0};
    return me->ops->post_receive(me->transport, &message, at_slot(me, slot), next_mark(me));
}

sluice__transfer_end rank_sent(const rank_thread *me, int to, int channel, int k) {
    return (sluice__transfer_end){me->rank, to, channel, k, true};
}

sluice__transfer_end rank_received(const rank_thread *me, int from, int channel, int k) {
    return (sluice__transfer_end){from, me->rank, channel, k, false};
}

sluice_status rank_wait(rank_thread *me, const sluice__transfer_end *at, double seconds,
                        bool *over) {
    const double end      = sluice__now() + seconds;
    sluice_event *happens = NULL;
    SLUICE__TRY(me->ops->wait(me->transport, at, seconds, over, &happens));
    if (!*over || !happens) return SLUICE_OK;
    for (;;) {
        SLUICE__TRY(me->device_ops->query(over, happens));
        if (*over || sluice__now() >= end) break;
        SLUICE__TRY(me->ops->poll(me->transport, me->rank));
        (void)nanosleep(&(struct timespec){0, 20000}, NULL);
    }
    return *over ? me->device_ops->wait(me->stream, happens) : SLUICE_OK;
}

/* ---- from open to close ---- */

static size_t arena_bytes(const rank_thread *me) {
    const int slots = me->all->setup->slots;
    return (size_t)(slots > 0 ? slots : RANK_SLOTS) * sizeof(int64_t);
}

static sluice_status open_rank(rank_thread *me) {
    const sluice_device_ops *const ops = me->device_ops;
    void *arena                        = NULL;
    SLUICE__TRY(ops->open(&me->device, me->rank, 1, 0, false));
    for (int r = 0; r < me->ranks && me->ops->copies; r++) SLUICE__TRY(ops->meet(me->device, r));
    SLUICE__TRY(ops->stream_create(&me->stream, me->device, SLUICE_STREAM_TRANSFERS));
    SLUICE__TRY(ops->arena_alloc(&arena, me->device, arena_bytes(me)));
    me->arena = arena;
    for (int e = 0; e < RANK_MARKS; e++)
        SLUICE__TRY(ops->event_create(&me->marks[e], me->device, false));
    SLUICE__TRY(ops->zero(me->stream, arena, arena_bytes(me)));
    return ops->synchronize(me->stream);
}

static void close_rank(rank_thread *me) {
    const sluice_device_ops *const ops = me->device_ops;
    for (int e = 0; e < RANK_MARKS; e++)
        if (me->marks[e]) ops->event_destroy(me->marks[e]);
    if (me->arena) ops->arena_free(me->device, me->arena, arena_bytes(me));
    if (me->stream) ops->stream_destroy(me->stream);
    ops->close(me->device);
}

static sluice_status join_rank(rank_thread *me) {
    const rank_setup *const setup = me->all->setup;
    if (setup->joins_itself) return SLUICE_OK;
    return me->ops->join(me->transport, me->rank, me->device, me->stream,
                         setup->join_s > 0 ? setup->join_s : rank_patience);
}

/* Devices stay open until all have left: in some transports ranks read each other's memory. */
static void *be_rank(void *argument) {
    rank_thread *const me = argument;
    *sluice__where()      = (sluice__here){me->rank, NULL};
    if (rank_says(me, "open", open_rank(me), SLUICE_OK, NULL) &&
        rank_says(me, "meet", rank_meet(me), SLUICE_OK, NULL) &&
        rank_says(me, "join", join_rank(me), SLUICE_OK, NULL) &&
        rank_says(me, "meet", rank_meet(me), SLUICE_OK, NULL))
        me->all->script(me);
    me->ops->leave(me->transport, me->rank);
    me->ops->leave(me->transport, me->rank); /* it may be called twice */
    (void)pthread_barrier_wait(&me->all->ended);
    close_rank(me);
    return NULL;
}

static sluice_status open_transport(rank_threads *all) {
    static const size_t usual[RANKS_MAX] = {RANK_GIVES, RANK_GIVES, RANK_GIVES, RANK_GIVES,
                                            RANK_GIVES, RANK_GIVES, RANK_GIVES, RANK_GIVES};
    const rank_setup *const setup        = all->setup;
    const size_t *gathers[SLUICE__GATHERS];
    for (int g = 0; g < SLUICE__GATHERS; g++)
        gathers[g] = setup->gathers[g] ? setup->gathers[g] : usual;
    SLUICE__TRY(sluice__world_open(&all->world, setup->ranks));
    SLUICE__TRY(sluice__world_open(&all->script_world, setup->ranks));
    SLUICE__TRY(all->kind->ops->open(&all->transport, &all->world, setup->channels, setup->count,
                                     gathers, all->kind->device));
    all->kind->ops->begin(all->transport);
    return SLUICE_OK;
}

static void run_threads(rank_threads *all) {
    pthread_t threads[RANKS_MAX];
    const int ranks = all->setup->ranks;
    if (pthread_barrier_init(&all->ended, NULL, (unsigned)ranks) != 0) abort();
    for (int r = 0; r < ranks; r++) {
        all->rank[r] = (rank_thread){.all        = all,
                                     .ops        = all->kind->ops,
                                     .transport  = all->transport,
                                     .device_ops = all->kind->device,
                                     .rank       = r,
                                     .ranks      = ranks};
        if (pthread_create(&threads[r], NULL, be_rank, &all->rank[r]) != 0) abort();
    }
    for (int r = 0; r < ranks; r++) (void)pthread_join(threads[r], NULL);
    (void)pthread_barrier_destroy(&all->ended);
}

bool rank_threads_run(char *said, size_t bytes, const rank_kind *kind, const rank_setup *setup,
                      void (*script)(rank_thread *me)) {
    rank_threads all = {.kind       = kind,
                        .setup      = setup,
                        .script     = script,
                        .lock       = PTHREAD_MUTEX_INITIALIZER,
                        .said       = said,
                        .said_bytes = bytes};
    said[0]          = '\0';
    if (open_transport(&all) == SLUICE_OK)
        run_threads(&all);
    else
        (void)snprintf(said, bytes, "open: %s", sluice_last_error()->what);
    kind->ops->close(all.transport);
    sluice__world_close(&all.world);
    sluice__world_close(&all.script_world);
    return said[0] == '\0';
}
