/* SPDX-License-Identifier: MIT */
/* faulty.c -- the faults of the transport, one at a time. */
#include "tests/support/faulty.h"

#include <pthread.h>
#include <time.h>

#include "runtime/base/error.h"

/* The fault, and what has happened so far. */
static struct {
    faulty_kind kind;
    int n;        /* index of the faulty send, over all channels, from 0 */
    int delay_us; /* maximum delay before any post or wait */
    uint64_t random;
    pthread_mutex_t lock;
    int sends;
    bool fired;
    struct {
        bool is_full;
        sluice__message message;
        const void *buffer;
        sluice__mark mark;
    } held;
} faulty = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const sluice__transport_ops *under; /* the one with the fault in it */

void faulty_start(faulty_kind kind, int n, int delay_us, uint64_t seed) {
    faulty.kind         = kind;
    faulty.n            = n;
    faulty.delay_us     = delay_us;
    faulty.random       = seed * 2 + 1;
    faulty.sends        = 0;
    faulty.fired        = false;
    faulty.held.is_full = false;
}

static void faulty_sleep(void) {
    if (faulty.delay_us == 0) return;
    pthread_mutex_lock(&faulty.lock);
    const long us = test_random_int(&faulty.random, 0, faulty.delay_us);
    pthread_mutex_unlock(&faulty.lock);
    if (us % 3 == 0) return; /* most waits are short, some are left out */
    nanosleep(&(struct timespec){0, us * 1000}, NULL);
}

/* Whether this is the faulty send. */
static bool faulty_fires(void) {
    pthread_mutex_lock(&faulty.lock);
    const bool fires = faulty.kind != FAULTY_NOTHING && faulty.sends++ == faulty.n;
    if (fires) faulty.fired = true;
    pthread_mutex_unlock(&faulty.lock);
    return fires;
}

static sluice_status faulty_post_send(sluice__transport *transport, const sluice__message *message,
                                      const void *buffer, sluice__mark mark) {
    faulty_sleep();
    if (faulty_fires()) {
        if (faulty.kind == FAULTY_FAIL) return sluice__fail(SLUICE_E_DEVICE, "the cable is cut");
        if (faulty.kind == FAULTY_DROP) return SLUICE_OK;
        pthread_mutex_lock(&faulty.lock);
        faulty.held.is_full = true;
        faulty.held.message = *message;
        faulty.held.buffer  = buffer;
        faulty.held.mark    = mark;
        pthread_mutex_unlock(&faulty.lock);
        return SLUICE_OK;
    }
    SLUICE__TRY(under->post_send(transport, message, buffer, mark));
    pthread_mutex_lock(&faulty.lock);
    const bool releases = faulty.held.is_full && faulty.held.message.from == message->from;
    if (releases) faulty.held.is_full = false;
    pthread_mutex_unlock(&faulty.lock);
    if (!releases) return SLUICE_OK;
    return under->post_send(transport, &faulty.held.message, faulty.held.buffer, faulty.held.mark);
}

static sluice_status faulty_post_receive(sluice__transport *transport,
                                         const sluice__message *message, void *buffer,
                                         sluice__mark mark) {
    faulty_sleep();
    return under->post_receive(transport, message, buffer, mark);
}

static sluice_status faulty_wait(sluice__transport *transport, const sluice__transfer_end *at,
                                 double seconds, bool *done, sluice_event **over) {
    faulty_sleep();
    return under->wait(transport, at, seconds, done, over);
}

const sluice__transport_ops *faulty_transport(const sluice__transport_ops *healthy) {
    static sluice__transport_ops table;
    under              = healthy;
    table              = *healthy;
    table.name         = "faulty";
    table.post_send    = faulty_post_send;
    table.post_receive = faulty_post_receive;
    table.wait         = faulty_wait;
    return &table;
}

bool faulty_fired(void) {
    return faulty.fired;
}
