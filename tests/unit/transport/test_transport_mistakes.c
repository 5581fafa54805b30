/* SPDX-License-Identifier: MIT */
/*
 * test_transport_mistakes.c -- the cases of the contract find mistakes: transports that work except
 * for one function each fail the case about it.
 */
#include "tests/support/isolated_transport.h"
#include "tests/support/transport_cases.h"

#include <stdatomic.h>

#include "sluice/device.h"

static const sluice__transport_ops *right; /* the correct transport, in which a mistake is made */

/* ---- mistakes ---- */

/* Every posted transfer counts as over. */
static sluice_status wait_for_nobody(sluice__transport *transport, const sluice__transfer_end *at,
                                     double seconds, bool *done, sluice_event **over) {
    (void)transport, (void)at, (void)seconds;
    *over = NULL;
    *done = true;
    return SLUICE_OK;
}

static void forget_nothing(sluice__transport *transport) {
    (void)transport;
}

static void stop_nobody(sluice__transport *transport) {
    (void)transport;
}

static sluice_status join_at_once(sluice__transport *transport, int rank, sluice_device *device,
                                  sluice_stream *stream, double seconds) {
    (void)transport, (void)rank, (void)device, (void)stream, (void)seconds;
    return SLUICE_OK;
}

/* It takes the wrong one of two channels. */
static sluice_status receive_on_the_other(sluice__transport *transport,
                                          const sluice__message *message, void *buffer,
                                          sluice__mark mark) {
    sluice__message other = *message;
    other.channel         = 1 - message->channel;
    return right->post_receive(transport, &other, buffer, mark);
}

/* Only every second send is made. */
static sluice_status send_sometimes(sluice__transport *transport, const sluice__message *message,
                                    const void *buffer, sluice__mark mark) {
    static atomic_int sends;
    if (atomic_fetch_add(&sends, 1) % 2 == 1) return SLUICE_OK;
    return right->post_send(transport, message, buffer, mark);
}

static sluice_status send_anything(sluice__transport *transport, const sluice__message *message,
                                   const void *buffer, sluice__mark mark) {
    sluice__message same = *message;
    same.content         = 1;
    return right->post_send(transport, &same, buffer, mark);
}

static sluice_status receive_anything(sluice__transport *transport, const sluice__message *message,
                                      void *buffer, sluice__mark mark) {
    sluice__message same = *message;
    same.content         = 1;
    return right->post_receive(transport, &same, buffer, mark);
}

/* Parts in a wrong order. */
static sluice_status gather_backwards(sluice__transport *transport, sluice__gather which, int rank,
                                      void *all, double seconds, bool *done) {
    double *const parts        = all;
    const sluice_status status = right->wait_gather(transport, which, rank, all, seconds, done);
    const double first         = parts[0];
    parts[0]                   = parts[1];
    parts[1]                   = first;
    return status;
}

/* The report is the gather of the norm. */
static sluice_status give_to_the_other(sluice__transport *transport, sluice__gather which, int rank,
                                       const void *mine) {
    return right->post_gather(transport, (sluice__gather)(1 - (int)which), rank, mine);
}

/* ---- each is found ---- */

typedef struct mistake {
    const char *what, *found_by;
    bool in_isolated; /* else in local */
    void (*make)(sluice__transport_ops *table);
} mistake;

#define MISTAKE(name, field, function)                                                             \
    static void name(sluice__transport_ops *table) {                                               \
        table->field = function;                                                                   \
    }
MISTAKE(no_rendezvous, wait, wait_for_nobody)
MISTAKE(no_begin, begin, forget_nothing)
MISTAKE(no_abort, abort, stop_nobody)
MISTAKE(no_meeting, join, join_at_once)
MISTAKE(one_channel, post_receive, receive_on_the_other)
MISTAKE(lost_sends, post_send, send_sometimes)
MISTAKE(wrong_order, wait_gather, gather_backwards)
MISTAKE(wrong_gather, post_gather, give_to_the_other)

static void no_contents(sluice__transport_ops *table) {
    table->post_send    = send_anything;
    table->post_receive = receive_anything;
}

static void claims_to_pace(sluice__transport_ops *table) {
    table->paces = true;
}

static const mistake mistakes[] = {
    {"nothing waits for its partner", "a transfer waits for both ends", false, no_rendezvous},
    {"nothing waits for its partner", "the kth send meets the kth receive", true, no_rendezvous},
    {"begin forgets nothing", "a run forgets the last", false, no_begin},
    {"begin forgets nothing", "a run forgets the last", true, no_begin},
    {"abort stops nobody", "an abort stops whoever waits", false, no_abort},
    {"joining waits for nobody", "joining ends without all ranks", true, no_meeting},
    {"two channels are one", "two channels are apart", false, one_channel},
    {"sends are lost", "a ring of ranks", false, lost_sends},
    {"contents are not compared", "ends that differ are refused", false, no_contents},
    {"gathers come in another order", "gathers hand out all parts", true, wrong_order},
    {"gathers change places", "gathers hand out all parts", false, wrong_gather},
    {"links take no time", "channels share their link", true, claims_to_pace},
};

static void every_mistake_is_found(void **state) {
    (void)state;
    rank_patience = 1.5;
    for (size_t k = 0; k < sizeof mistakes / sizeof *mistakes; k++) {
        const mistake *const made      = &mistakes[k];
        const transport_case *const by = transport_case_find(made->found_by);
        char said[512];
        right = made->in_isolated ? isolated_transport() : sluice__transport_local();
        sluice__transport_ops table = *right;
        made->make(&table);
        const rank_kind kind = {&table, sluice_devices()[0]};
        assert_non_null(by);
        if (rank_threads_run(said, sizeof said, &kind, &by->setup, by->script))
            fail_msg("%s: '%s' does not find it", made->what, made->found_by);
        print_message("%s: %s\n", made->what, said);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_mistake_is_found)};
    return cmocka_run_group_tests_name("mistakes of transports", tests, NULL, NULL);
}
