/* SPDX-License-Identifier: MIT */
/* isolated_transport.c -- the table of the isolated transport, and the private state of its ranks:
 * identity and ends of channels. */
#include "tests/support/isolated_transport.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "tests/support/isolated_queues.h"

/* Transfers posted at one end of a channel; `moved` of them are over. */
typedef struct posted {
    const void *from; /* of a send */
    void *to;         /* of a receive */
    size_t bytes;
    sluice__mark mark;
} posted;

typedef struct end {
    posted *posts; /* [the channel's transfers] */
    int posted, moved;
} end;

/* The thread of each rank, if it has one; under the transport's lock, since wrong threads read it,
 * too. */
typedef struct identity {
    pthread_t thread;
    bool joined, left;
} identity;

struct sluice__transport {
    const sluice__world *world;
    const sluice_device_ops *ops;
    sluice__channel *channels; /* [count] */
    int count;
    isolated_queues *queues;
    end *ends[2];         /* [sends][count]: each is used by its rank's thread alone */
    identity *identities; /* [ranks] */
    pthread_mutex_t lock;
};

static sluice_status stopped(void) {
    return sluice__fail(SLUICE_E_STOPPED, "another rank failed first");
}

/* ---- open and close ---- */

static sluice_status isolated_describe(char *out, size_t bytes) {
    (void)snprintf(out, bytes, "messages between ranks that share nothing");
    return SLUICE_OK;
}

static void isolated_close(sluice__transport *transport) {
    if (!transport) return;
    for (int c = 0; c < transport->count; c++)
        for (int sends = 0; sends < 2; sends++)
            if (transport->ends[sends]) sluice__free(transport->ends[sends][c].posts);
    isolated_queues_close(transport->queues);
    pthread_mutex_destroy(&transport->lock);
    sluice__free(transport->ends[0]);
    sluice__free(transport->ends[1]);
    sluice__free(transport->identities);
    sluice__free(transport->channels);
    sluice__free(transport);
}

static sluice_status open_ends(sluice__transport *transport) {
    const size_t count = (size_t)transport->count;
    for (int sends = 0; sends < 2; sends++) {
        SLUICE__TRY(sluice__alloc(&transport->ends[sends], count, sizeof(end)));
        for (size_t c = 0; c < count; c++)
            SLUICE__TRY(sluice__alloc(&transport->ends[sends][c].posts,
                                      (size_t)transport->channels[c].transfers, sizeof(posted)));
    }
    return SLUICE_OK;
}

static sluice_status open_all(sluice__transport *transport, const sluice__channel *channels,
                              const size_t *const gathers[SLUICE__GATHERS]) {
    const int ranks    = transport->world->ranks;
    const size_t count = (size_t)transport->count;
    SLUICE__TRY(sluice__alloc(&transport->channels, count, sizeof *channels));
    memcpy(transport->channels, channels, count * sizeof *channels);
    SLUICE__TRY(open_ends(transport));
    SLUICE__TRY(sluice__alloc(&transport->identities, (size_t)ranks, sizeof(identity)));
    return isolated_queues_open(&transport->queues, channels, transport->count, gathers, ranks);
}

static sluice_status isolated_open(sluice__transport **out, const sluice__world *world,
                                   const sluice__channel *channels, int count,
                                   const size_t *const gathers[SLUICE__GATHERS],
                                   const sluice_device_ops *ops) {
    sluice__transport *transport = NULL;
    sluice_status status         = SLUICE_OK;
    if (ops->asynchronous)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "the isolated transport copies at once, and %s does not", ops->name);
    SLUICE__TRY(sluice__alloc(&transport, 1, sizeof *transport));
    pthread_mutex_init(&transport->lock, NULL);
    transport->world = world;
    transport->ops   = ops;
    transport->count = count;
    SLUICE__TRY_OUT(open_all(transport, channels, gathers));
    *out      = transport;
    transport = NULL;
out:
    isolated_close(transport);
    return status;
}

static size_t isolated_reserve(const sluice__channel *channels, int count, int ranks, int rank) {
    (void)channels, (void)count, (void)ranks, (void)rank;
    return 0;
}

/* ---- calling threads ---- */

/* Whether the calling thread may speak for `rank`. */
static sluice_status check_caller(sluice__transport *transport, int rank) {
    pthread_mutex_lock(&transport->lock);
    const identity found = transport->identities[rank];
    pthread_mutex_unlock(&transport->lock);
    if (!found.joined)
        return sluice__fail(SLUICE_E_ARGUMENT, "rank %d calls, and %s", rank,
                            found.left ? "it has left" : "it has not joined");
    if (!pthread_equal(found.thread, pthread_self()))
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "a call for rank %d comes from another thread than its own", rank);
    return SLUICE_OK;
}

/* The identity by which processes of one run recognize each other. */
typedef struct hello {
    int ranks, channels;
} hello;

static sluice_status greet(const sluice__transport *transport, int rank, double seconds) {
    const sluice__world *const world = transport->world;
    const hello mine                 = {world->ranks, transport->count};
    char key[32];
    (void)snprintf(key, sizeof key, "isolated/%d", rank);
    SLUICE__TRY(world->bootstrap_ops->put(world->bootstrap, key, &mine, sizeof mine));
    SLUICE__TRY(world->bootstrap_ops->meet(world->bootstrap, seconds));
    for (int r = 0; r < world->ranks; r++) {
        hello other = {0, 0};
        (void)snprintf(key, sizeof key, "isolated/%d", r);
        SLUICE__TRY(
            world->bootstrap_ops->get(world->bootstrap, &other, sizeof other, key, seconds));
        if (other.ranks != mine.ranks || other.channels != mine.channels)
            return sluice__fail(SLUICE_E_ARGUMENT, "rank %d is of another run than rank %d", r,
                                rank);
    }
    return SLUICE_OK;
}

static sluice_status isolated_join(sluice__transport *transport, int rank, sluice_device *device,
                                   sluice_stream *stream, double seconds) {
    (void)device, (void)stream;
    pthread_mutex_lock(&transport->lock);
    identity *const me = &transport->identities[rank];
    const bool again   = me->joined || me->left;
    *me                = (identity){pthread_self(), true, false};
    pthread_mutex_unlock(&transport->lock);
    if (again) return sluice__fail(SLUICE_E_ARGUMENT, "rank %d joins twice", rank);
    return greet(transport, rank, seconds);
}

/* It returns no status: a wrong thread ends the program. */
static void isolated_leave(sluice__transport *transport, int rank) {
    pthread_mutex_lock(&transport->lock);
    identity *const me = &transport->identities[rank];
    const bool right   = !me->joined || pthread_equal(me->thread, pthread_self());
    me->left           = me->left || me->joined;
    me->joined         = false;
    pthread_mutex_unlock(&transport->lock);
    if (right) return;
    (void)fprintf(stderr, "rank %d leaves from another thread than its own\n", rank);
    abort();
}

static void isolated_begin(sluice__transport *transport) {
    isolated_queues_begin(transport->queues);
    for (int c = 0; c < transport->count; c++)
        for (int sends = 0; sends < 2; sends++)
            transport->ends[sends][c].posted = transport->ends[sends][c].moved = 0;
}

/* ---- what a rank can move ---- */

/* The sender's half of transfer k: copy from its device into a message. */
static sluice_status copy_out(sluice__transport *transport, int channel, const posted *what,
                              int k) {
    const sluice_device_ops *const ops = transport->ops;
    void *const message                = malloc(what->bytes + 1);
    if (!message) return sluice__fail(SLUICE_E_HOST_MEMORY, "no memory for a message");
    const sluice_status status = ops->download(what->mark.stream, message, what->from, what->bytes);
    if (status != SLUICE_OK) {
        free(message);
        return status;
    }
    isolated_put(transport->queues, channel, k, message);
    return ops->record(what->mark.stream, what->mark.event);
}

/* The receiver's half. */
static sluice_status copy_in(const sluice__transport *transport, const posted *what,
                             void *message) {
    const sluice_device_ops *const ops = transport->ops;
    const sluice_status status = ops->upload(what->mark.stream, what->to, message, what->bytes);
    free(message);
    return status == SLUICE_OK ? ops->record(what->mark.stream, what->mark.event) : status;
}

static sluice_status move_out(sluice__transport *transport, int c) {
    end *const at = &transport->ends[true][c];
    for (; at->moved < at->posted && isolated_wants(transport->queues, c, at->moved); at->moved++)
        SLUICE__TRY(copy_out(transport, c, &at->posts[at->moved], at->moved));
    return SLUICE_OK;
}

static sluice_status move_in(sluice__transport *transport, int c) {
    end *const at = &transport->ends[false][c];
    for (; at->moved < at->posted; at->moved++) {
        void *const message = isolated_take(transport->queues, c, at->moved);
        if (!message) break;
        SLUICE__TRY(copy_in(transport, &at->posts[at->moved], message));
    }
    return SLUICE_OK;
}

/* Do everything that the rank can do for its transfers: on its thread, in every call. */
static sluice_status move(sluice__transport *transport, int rank) {
    for (int c = 0; c < transport->count; c++) {
        if (transport->channels[c].from == rank) SLUICE__TRY(move_out(transport, c));
        if (transport->channels[c].to == rank) SLUICE__TRY(move_in(transport, c));
    }
    return SLUICE_OK;
}

/* ---- transfers ---- */

static int number_of(const sluice__transport *transport, int from, int to, int index) {
    int c = 0;
    while (transport->channels[c].from != from || transport->channels[c].to != to ||
           transport->channels[c].index != index)
        c++;
    return c;
}

static sluice_status post(sluice__transport *transport, const sluice__message *message, bool sends,
                          const posted *what) {
    const int rank = sends ? message->from : message->to;
    const int c    = number_of(transport, message->from, message->to, message->channel);
    end *const at  = &transport->ends[sends][c];
    SLUICE__TRY(check_caller(transport, rank));
    SLUICE__TRY(isolated_announce(transport->queues, c, sends,
                                  (isolated_announcement){message->bytes, message->content}));
    at->posts[at->posted++] = *what;
    return move(transport, rank);
}

static sluice_status isolated_post_send(sluice__transport *transport,
                                        const sluice__message *message, const void *buffer,
                                        sluice__mark mark) {
    return post(transport, message, true, &(posted){buffer, NULL, message->bytes, mark});
}

static sluice_status isolated_post_receive(sluice__transport *transport,
                                           const sluice__message *message, void *buffer,
                                           sluice__mark mark) {
    return post(transport, message, false, &(posted){NULL, buffer, message->bytes, mark});
}

/* Posts never block here, so a group is just its posts. */
static sluice_status isolated_group(sluice__transport *transport, int rank) {
    return check_caller(transport, rank);
}

static sluice_status isolated_wait(sluice__transport *transport, const sluice__transfer_end *of,
                                   double seconds, bool *done, sluice_event **over) {
    const int rank      = of->sends ? of->from : of->to;
    const int c         = number_of(transport, of->from, of->to, of->channel);
    const end *const at = &transport->ends[of->sends][c];
    const double until  = sluice__now() + seconds;
    SLUICE__TRY(check_caller(transport, rank));
    for (*done = false, *over = NULL;;) {
        const long seen = isolated_changes(transport->queues);
        SLUICE__TRY(move(transport, rank));
        *done = of->k < at->moved;
        if (*done) return SLUICE_OK;
        if (isolated_is_aborted(transport->queues)) return stopped();
        if (sluice__now() >= until) return SLUICE_OK;
        isolated_sleep(transport->queues, seen, until);
    }
}

static sluice_status isolated_poll(sluice__transport *transport, int rank) {
    SLUICE__TRY(check_caller(transport, rank));
    return move(transport, rank);
}

/* ---- gathers ---- */

static sluice_status isolated_post_gather(sluice__transport *transport, sluice__gather which,
                                          int rank, const void *mine) {
    SLUICE__TRY(check_caller(transport, rank));
    return isolated_give(transport->queues, which, rank, mine);
}

static sluice_status isolated_wait_gather(sluice__transport *transport, sluice__gather which,
                                          int rank, void *all, double seconds, bool *done) {
    const double until = sluice__now() + seconds;
    SLUICE__TRY(check_caller(transport, rank));
    for (;;) {
        const long seen = isolated_changes(transport->queues);
        *done           = isolated_read(transport->queues, which, rank, all);
        if (*done) return SLUICE_OK;
        if (isolated_is_aborted(transport->queues)) return stopped();
        if (sluice__now() >= until) return SLUICE_OK;
        isolated_sleep(transport->queues, seen, until);
    }
}

static void isolated_abort(sluice__transport *transport) {
    const sluice__world *const world = transport->world;
    isolated_queues_abort(transport->queues);
    world->bootstrap_ops->abort(world->bootstrap);
}

const sluice__transport_ops *isolated_transport(void) {
    static const sluice__transport_ops table = {
        .name         = "isolated",
        .one_queue    = false,
        .meets        = true,
        .compares     = true,
        .paces        = false,
        .describe     = isolated_describe,
        .open         = isolated_open,
        .close        = isolated_close,
        .reserve      = isolated_reserve,
        .join         = isolated_join,
        .leave        = isolated_leave,
        .begin        = isolated_begin,
        .post_send    = isolated_post_send,
        .post_receive = isolated_post_receive,
        .group_begin  = isolated_group,
        .group_end    = isolated_group,
        .wait         = isolated_wait,
        .poll         = isolated_poll,
        .post_gather  = isolated_post_gather,
        .wait_gather  = isolated_wait_gather,
        .abort        = isolated_abort,
    };
    return &table;
}

const sluice__transport_ops *isolated_if_asked(int argc, char **argv) {
    return argc > 1 && strcmp(argv[1], "isolated") == 0 ? isolated_transport() : NULL;
}
