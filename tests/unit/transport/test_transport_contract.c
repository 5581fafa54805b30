/* SPDX-License-Identifier: MIT */
/* test_transport_contract.c -- the contract that every transport keeps. */
#include "tests/support/support.h"

#include <pthread.h>
#include <time.h>

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

static sluice__transport *open_ring(const sluice__transport_ops *ops, int ranks, int transfers) {
    sluice__channel channels[8];
    for (int r = 0; r < ranks; r++)
        channels[r] = (sluice__channel){r, (r + 1) % ranks, 0, transfers, 0, 0};
    sluice__transport *transport;
    static const int gathers[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    assert_ok(ops->open(&transport, ranks, channels, ranks, gathers, &device));
    return transport;
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
        assert_ok(ops->post_send(transport, 0, 1, 0, &values[0], sizeof(int), 0, no_mark));
        assert_ok(ops->post_send(transport, 0, 1, 0, &values[1], sizeof(int), 0, no_mark));
        assert_false(is_complete(ops, transport, 0, 1, 0)); /* rendezvous: nobody receives yet */
        for (int k = 0; k < 3; k++)
            assert_ok(ops->post_receive(transport, 0, 1, 0, &got[k], sizeof(int), 0, no_mark));
        assert_true(is_complete(ops, transport, 0, 1, 1));
        assert_false(is_complete(ops, transport, 0, 1, 2));
        assert_ok(ops->post_send(transport, 0, 1, 0, &values[2], sizeof(int), 0, no_mark));
        assert_true(is_complete(ops, transport, 0, 1, 2));
        assert_memory_equal(got, values, sizeof got);
    }
    ops->close(transport);
}

static void test_links_are_directed_and_apart(void **state) {
    const sluice__transport_ops *ops = *state;
    sluice__transport *transport     = open_ring(ops, 2, 1);
    const int there = 1, back = 2;
    int got_there = 0, got_back = 0;
    assert_ok(ops->post_send(transport, 0, 1, 0, &there, sizeof there, 0, no_mark));
    assert_ok(ops->post_send(transport, 1, 0, 0, &back, sizeof back, 0, no_mark));
    assert_ok(ops->post_receive(transport, 1, 0, 0, &got_back, sizeof back, 0, no_mark));
    assert_false(is_complete(ops, transport, 0, 1, 0));
    assert_ok(ops->post_receive(transport, 0, 1, 0, &got_there, sizeof there, 0, no_mark));
    assert_int_equal(got_there, 1);
    assert_int_equal(got_back, 2);
    ops->close(transport);
}

static void test_sizes_and_counts_are_checked(void **state) {
    const sluice__transport_ops *ops = *state;
    sluice__transport *transport     = open_ring(ops, 2, 1);
    char bytes[8]                    = {0};
    assert_ok(ops->post_send(transport, 0, 1, 0, bytes, 8, 0, no_mark));
    assert_refused(ops->post_receive(transport, 0, 1, 0, bytes, 4, 0, no_mark), SLUICE_E_ARGUMENT,
                   "a send of 8 bytes meets a receive of 4");
    assert_refused(ops->post_send(transport, 0, 1, 0, bytes, 8, 0, no_mark), SLUICE_E_ARGUMENT,
                   "more than 1 transfers from rank 0 to rank 1");
    ops->close(transport);
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
        me->status =
            me->ops->post_receive(me->transport, before, me->rank, 0, &got, sizeof got, 0, no_mark);
        me->ops->post_send(me->transport, me->rank, next, 0, &number, sizeof number, 0, no_mark);
        me->ops->wait(me->transport, &(sluice__transfer_end){before, me->rank, 0, k, false}, 30,
                      &done, &over);
        me->ops->wait(me->transport, &(sluice__transfer_end){me->rank, next, 0, k, true}, 30, &done,
                      &over);
        number = got + 1;
    }
    const double last = (double)number;
    me->ops->post_gather(me->transport, me->rank, &last);
    me->status = me->ops->wait_gather(me->transport, me->rank, me->gathered, 30, &done);
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
    ops->close(transport);
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
    assert_refused(ops->wait_gather(transport, 0, waiting.gathered, 30, &done), SLUICE_E_STOPPED,
                   "another rank failed first");
    ops->close(transport);
}

static void test_waiting_ends_in_time(void **state) {
    const sluice__transport_ops *ops = *state;
    sluice__transport *transport     = open_ring(ops, 2, 1);
    bool done                        = true;
    sluice_event *over               = NULL;
    assert_ok(ops->wait(transport, &(sluice__transfer_end){0, 1, 0, 0, false}, 0.05, &done, &over));
    assert_false(done);
    double all[2];
    assert_ok(ops->wait_gather(transport, 0, all, 0.05, &done));
    assert_false(done);
    ops->close(transport);
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
        cmocka_unit_test_setup(test_sizes_and_counts_are_checked, choose_local),
        cmocka_unit_test_setup(test_a_ring_of_threads, choose_local),
        cmocka_unit_test_setup(test_abort_wakes_who_waits, choose_local),
        cmocka_unit_test_setup(test_waiting_ends_in_time, choose_local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
