/* SPDX-License-Identifier: MIT */
/* test_transport_contract.c -- the contract that every transport keeps. */
#include "tests/support/support.h"

#include <pthread.h>
#include <time.h>

#include "runtime/base/clock.h"
#include "runtime/transport/transport.h"

/* As much of a device as a transport needs. */
static sluice_status copy_bytes(sluice_stream *stream, void *to, const void *from, size_t bytes) {
    (void)stream;
    memcpy(to, from, bytes);
    return SLUICE_OK;
}

static sluice_status do_nothing(sluice_stream *stream, sluice_event *event) {
    (void)stream, (void)event;
    return SLUICE_OK;
}

static const sluice_device_ops device = {
    .copy = copy_bytes, .record = do_nothing, .wait = do_nothing};

static const sluice__mark no_mark = {NULL, NULL};

static sluice__world world;

static sluice__transport *open_channels(const sluice__transport_ops *ops, int ranks,
                                        const sluice__channel *channels, int count) {
    static const size_t one[8]                   = {8, 8, 8, 8, 8, 8, 8, 8};
    const size_t *const gathers[SLUICE__GATHERS] = {one, one};
    sluice__transport *transport;
    assert_ok(sluice__world_open(&world, ranks));
    assert_ok(ops->open(&transport, &world, channels, count, gathers, &device));
    return transport;
}

static sluice__transport *open_ring(const sluice__transport_ops *ops, int ranks, int transfers) {
    sluice__channel channels[8];
    for (int r = 0; r < ranks; r++)
        channels[r] = (sluice__channel){r, (r + 1) % ranks, 0, transfers, 0, 0};
    return open_channels(ops, ranks, channels, ranks);
}

static void close_ring(const sluice__transport_ops *ops, sluice__transport *transport) {
    ops->close(transport);
    sluice__world_close(&world);
}

static bool is_complete(const sluice__transport_ops *ops, sluice__transport *transport, int from,
                        int to, int k) {
    bool done;
    sluice_event *over = NULL;
    assert_ok(
        ops->wait(transport, &(sluice__transfer_end){from, to, 0, k, false}, 0, &done, &over));
    return done;
}

static void test_kth_send_meets_kth_receive(void **state) {
    const sluice__transport_ops *ops = *state;
    sluice__transport *transport     = open_ring(ops, 2, 3);
    const int values[3]              = {10, 11, 12};
    int got[3]                       = {0};
    for (int round = 0; round < 2; round++) {
        ops->begin(transport);
        memset(got, 0, sizeof got);
        assert_ok(ops->post_send(transport, &(sluice__message){0, 1, 0, sizeof(int), 0}, &values[0],
                                 no_mark));
        assert_ok(ops->post_send(transport, &(sluice__message){0, 1, 0, sizeof(int), 0}, &values[1],
                                 no_mark));
        assert_false(is_complete(ops, transport, 0, 1, 0)); /* rendezvous: nobody receives yet */
        for (int k = 0; k < 3; k++)
            assert_ok(ops->post_receive(transport, &(sluice__message){0, 1, 0, sizeof(int), 0},
                                        &got[k], no_mark));
        assert_true(is_complete(ops, transport, 0, 1, 1));
        assert_false(is_complete(ops, transport, 0, 1, 2));
        assert_ok(ops->post_send(transport, &(sluice__message){0, 1, 0, sizeof(int), 0}, &values[2],
                                 no_mark));
        assert_true(is_complete(ops, transport, 0, 1, 2));
        assert_memory_equal(got, values, sizeof got);
    }
    close_ring(ops, transport);
}

static void test_links_are_directed_and_apart(void **state) {
    const sluice__transport_ops *ops = *state;
    sluice__transport *transport     = open_ring(ops, 2, 1);
    const int there = 1, back = 2;
    int got_there = 0, got_back = 0;
    assert_ok(
        ops->post_send(transport, &(sluice__message){0, 1, 0, sizeof there, 0}, &there, no_mark));
    assert_ok(
        ops->post_send(transport, &(sluice__message){1, 0, 0, sizeof back, 0}, &back, no_mark));
    assert_ok(ops->post_receive(transport, &(sluice__message){1, 0, 0, sizeof back, 0}, &got_back,
                                no_mark));
    assert_false(is_complete(ops, transport, 0, 1, 0));
    assert_ok(ops->post_receive(transport, &(sluice__message){0, 1, 0, sizeof there, 0}, &got_there,
                                no_mark));
    assert_int_equal(got_there, 1);
    assert_int_equal(got_back, 2);
    close_ring(ops, transport);
}

/* Two channels from rank 0 to rank 1: what is posted on one does not wait for the other. */
static void test_channels_are_apart(void **state) {
    const sluice__transport_ops *ops = *state;
    const sluice__channel channels[] = {{0, 1, 0, 2, 0, 0}, {0, 1, 1, 2, 0, 0}};
    const int first[2] = {1, 2}, second = 3;
    int got_first[2] = {0}, got_second = 0;
    bool done;
    sluice_event *over = NULL;
    sluice__transport *transport;
    transport = open_channels(ops, 2, channels, 2);
    ops->begin(transport);
    for (int k = 0; k < 2; k++)
        assert_ok(ops->post_send(transport, &(sluice__message){0, 1, 0, sizeof(int), 0}, &first[k],
                                 no_mark));
    assert_ok(
        ops->post_send(transport, &(sluice__message){0, 1, 1, sizeof(int), 0}, &second, no_mark));
    assert_ok(ops->post_receive(transport, &(sluice__message){0, 1, 1, sizeof(int), 0}, &got_second,
                                no_mark));
    assert_ok(ops->wait(transport, &(sluice__transfer_end){0, 1, 1, 0, false}, 0, &done, &over));
    assert_true(done);
    assert_int_equal(got_second, 3);
    assert_false(is_complete(ops, transport, 0, 1, 0));
    for (int k = 0; k < 2; k++)
        assert_ok(ops->post_receive(transport, &(sluice__message){0, 1, 0, sizeof(int), 0},
                                    &got_first[k], no_mark));
    assert_true(is_complete(ops, transport, 0, 1, 1));
    assert_memory_equal(got_first, first, sizeof first);
    close_ring(ops, transport);
}

/* Never early; how late is the machine's affair, within reason. */
static void assert_in_time(const char *what, double got, double expected) {
    if (got < expected - 1e-6 || got > expected + 2)
        fail_msg("%s is over after %g s, expected %g", what, got, expected);
}

/* When a transfer of the channel, already posted at both ends, is seen to be over. */
static double time_over(const sluice__transport_ops *ops, sluice__transport *transport, int channel,
                        int k) {
    bool done;
    sluice_event *over = NULL;
    assert_ok(
        ops->wait(transport, &(sluice__transfer_end){0, 1, channel, k, false}, 10, &done, &over));
    assert_true(done);
    return sluice__now();
}

/* A link of virtual devices, 0.1 s and 1000 bytes a second: 50 bytes on one channel are there after
 * 0.15 s, 100 bytes that are posted on another at the same time after 0.25 s, and what follows on
 * the first channel begins at 0.15 s and takes 0.15 s. */
static void test_channels_share_their_link(void **state) {
    const sluice__transport_ops *ops = *state;
    const sluice__channel channels[] = {{0, 1, 0, 2, 0.1, 1000}, {0, 1, 1, 1, 0.1, 1000}};
    char from[100]                   = {0}, to[100];
    sluice__transport *transport;
    transport = open_channels(ops, 2, channels, 2);
    ops->begin(transport);
    const double begin           = sluice__now();
    const int order[3]           = {0, 1, 0};
    static const size_t bytes[3] = {50, 100, 50};
    for (int k = 0; k < 3; k++) {
        assert_ok(ops->post_send(transport, &(sluice__message){0, 1, order[k], bytes[k], 0}, from,
                                 no_mark));
        assert_ok(ops->post_receive(transport, &(sluice__message){0, 1, order[k], bytes[k], 0}, to,
                                    no_mark));
    }
    assert_in_time("the first", time_over(ops, transport, 0, 0) - begin, 0.15);
    assert_in_time("the other channel's", time_over(ops, transport, 1, 0) - begin, 0.25);
    assert_in_time("the next", time_over(ops, transport, 0, 1) - begin, 0.30);
    close_ring(ops, transport);
}

static void test_sizes_and_counts_are_checked(void **state) {
    const sluice__transport_ops *ops = *state;
    sluice__transport *transport     = open_ring(ops, 2, 1);
    char bytes[8]                    = {0};
    assert_ok(ops->post_send(transport, &(sluice__message){0, 1, 0, 8, 0}, bytes, no_mark));
    assert_refused(ops->post_receive(transport, &(sluice__message){0, 1, 0, 4, 0}, bytes, no_mark),
                   SLUICE_E_ARGUMENT, "a send of 8 bytes meets a receive of 4");
    assert_refused(ops->post_send(transport, &(sluice__message){0, 1, 0, 8, 0}, bytes, no_mark),
                   SLUICE_E_ARGUMENT, "more than 1 transfers from rank 0 to rank 1");
    close_ring(ops, transport);
}

/* ---- threads ---- */

enum { RANKS = 4, ROUNDS = 300 };

typedef struct worker {
    const sluice__transport_ops *ops;
    sluice__transport *transport;
    int rank;
    sluice_status status;
    double gathered[RANKS];
} worker;

/* Hand a number round the ring, each adding one; then gather. */
static void *go_round(void *argument) {
    worker *me     = argument;
    const int next = (me->rank + 1) % RANKS, before = (me->rank + RANKS - 1) % RANKS;
    int64_t number = 0, got = 0;
    bool done          = true;
    sluice_event *over = NULL;
    for (int k = 0; k < ROUNDS && done; k++) {
        me->status = me->ops->post_receive(
            me->transport, &(sluice__message){before, me->rank, 0, sizeof got, 0}, &got, no_mark);
        me->ops->post_send(me->transport, &(sluice__message){me->rank, next, 0, sizeof number, 0},
                           &number, no_mark);
        me->ops->wait(me->transport, &(sluice__transfer_end){before, me->rank, 0, k, false}, 30,
                      &done, &over);
        me->ops->wait(me->transport, &(sluice__transfer_end){me->rank, next, 0, k, true}, 30, &done,
                      &over);
        number = got + 1;
    }
    const double last = (double)number;
    me->ops->post_gather(me->transport, SLUICE__GATHER_NORM, me->rank, &last);
    me->status =
        me->ops->wait_gather(me->transport, SLUICE__GATHER_NORM, me->rank, me->gathered, 30, &done);
    return NULL;
}

static void test_a_ring_of_threads(void **state) {
    const sluice__transport_ops *ops = *state;
    sluice__transport *transport     = open_ring(ops, RANKS, ROUNDS);
    ops->begin(transport);
    pthread_t threads[RANKS];
    worker workers[RANKS];
    for (int r = 0; r < RANKS; r++) {
        workers[r] = (worker){ops, transport, r, SLUICE_OK, {0}};
        assert_int_equal(pthread_create(&threads[r], NULL, go_round, &workers[r]), 0);
    }
    for (int r = 0; r < RANKS; r++) pthread_join(threads[r], NULL);
    for (int r = 0; r < RANKS; r++)
        for (int q = 0; q < RANKS; q++)
            if (workers[r].gathered[q] != ROUNDS)
                fail_msg("rank %d gathers %g from rank %d, expected %d", r, workers[r].gathered[q],
                         q, ROUNDS);
    close_ring(ops, transport);
}

static void *wait_for_nothing(void *argument) {
    worker *me         = argument;
    bool done          = false;
    sluice_event *over = NULL;
    me->status =
        me->ops->wait(me->transport, &(sluice__transfer_end){0, 1, 0, 0, false}, 30, &done, &over);
    return NULL;
}

static void test_abort_wakes_who_waits(void **state) {
    const sluice__transport_ops *ops = *state;
    sluice__transport *transport     = open_ring(ops, 2, 1);
    worker waiting                   = {ops, transport, 1, SLUICE_OK, {0}};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_nothing, &waiting), 0);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    ops->abort(transport);
    pthread_join(thread, NULL);
    assert_int_equal(waiting.status, SLUICE_E_STOPPED);
    bool done;
    assert_refused(ops->wait_gather(transport, SLUICE__GATHER_NORM, 0, waiting.gathered, 30, &done),
                   SLUICE_E_STOPPED, "another rank failed first");
    close_ring(ops, transport);
}

static void test_waiting_ends_in_time(void **state) {
    const sluice__transport_ops *ops = *state;
    sluice__transport *transport     = open_ring(ops, 2, 1);
    bool done                        = true;
    sluice_event *over               = NULL;
    assert_ok(ops->wait(transport, &(sluice__transfer_end){0, 1, 0, 0, false}, 0.05, &done, &over));
    assert_false(done);
    double all[2];
    assert_ok(ops->wait_gather(transport, SLUICE__GATHER_NORM, 0, all, 0.05, &done));
    assert_false(done);
    close_ring(ops, transport);
}

static const sluice__transport_ops *transport_ops;

static int choose_local(void **state) {
    transport_ops = sluice__transport_local();
    memcpy(state, &transport_ops, sizeof transport_ops);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_kth_send_meets_kth_receive, choose_local),
        cmocka_unit_test_setup(test_links_are_directed_and_apart, choose_local),
        cmocka_unit_test_setup(test_channels_are_apart, choose_local),
        cmocka_unit_test_setup(test_channels_share_their_link, choose_local),
        cmocka_unit_test_setup(test_sizes_and_counts_are_checked, choose_local),
        cmocka_unit_test_setup(test_a_ring_of_threads, choose_local),
        cmocka_unit_test_setup(test_abort_wakes_who_waits, choose_local),
        cmocka_unit_test_setup(test_waiting_ends_in_time, choose_local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
