/* SPDX-License-Identifier: MIT */
/* test_isolated_transport.c -- the isolated transport isolates: only a rank's thread may call for
 * it, from join to leave, and no rank sees another's memory. */
#include "tests/support/isolated_transport.h"
#include "tests/support/transport_cases.h"

#include <signal.h>

#include "runtime/base/error.h"
#include "tests/support/child.h"

static const sluice__channel there[] = {{0, 1, 0, 2, 0, 0}, {1, 0, 0, 2, 0, 0}};

static bool run(char said[512], const rank_setup *setup, void (*script)(rank_thread *me)) {
    const rank_kind kind = {isolated_transport(), sluice_devices()[0]};
    return rank_threads_run(said, 512, &kind, setup, script);
}

static void expect_right(bool joins_itself, void (*script)(rank_thread *me)) {
    char said[512];
    if (!run(said,
             &(rank_setup){.ranks = 2, .channels = there, .count = 2, .joins_itself = joins_itself},
             script))
        fail_msg("%s", said);
}

/* ---- calling threads ---- */

/* Every call for a rank, made for rank 1. */
static void call_for_another(rank_thread *me, const char *says) {
    const sluice__transport_ops *const ops = me->ops;
    const sluice__mark mark                = {me->stream, me->marks[0]};
    const sluice__transfer_end sends = {1, 0, 0, 0, true}, receives = {0, 1, 0, 0, false};
    const sluice__message sent = {1, 0, 0, 8, 0}, received = {0, 1, 0, 8, 0};
    const sluice_status expected = SLUICE_E_ARGUMENT;
    double all[2]                = {0};
    bool done                    = false;
    sluice_event *over           = NULL;
    check_refused(me, ops->post_send(me->transport, &sent, me->arena, mark), expected, says);
    check_refused(me, ops->post_receive(me->transport, &received, me->arena, mark), expected, says);
    check_refused(me, ops->group_begin(me->transport, 1), expected, says);
    check_refused(me, ops->group_end(me->transport, 1), expected, says);
    check_refused(me, ops->wait(me->transport, &sends, 0, &done, &over), expected, says);
    check_refused(me, ops->wait(me->transport, &receives, 0, &done, &over), expected, says);
    check_refused(me, ops->poll(me->transport, 1), expected, says);
    for (int g = 0; g < SLUICE__GATHERS; g++) {
        const sluice__gather which = (sluice__gather)g;
        check_refused(me, ops->post_gather(me->transport, which, 1, all), expected, says);
        check_refused(me, ops->wait_gather(me->transport, which, 1, all, 0, &done), expected, says);
    }
}

static void speak_for_another(rank_thread *me) {
    if (me->rank == 0)
        call_for_another(me, "a call for rank 1 comes from another thread than its own");
    check_ok(me, rank_meet(me));
}

static void only_its_own_thread_speaks_for_a_rank(void **state) {
    (void)state;
    expect_right(false, speak_for_another);
}

static void speak_too_early(rank_thread *me) {
    if (me->rank == 1) call_for_another(me, "rank 1 calls, and it has not joined");
}

static void speak_too_late(rank_thread *me) {
    if (me->rank != 1) return;
    me->ops->leave(me->transport, 1);
    call_for_another(me, "rank 1 calls, and it has left");
    check_refused(me, me->ops->join(me->transport, 1, me->device, me->stream, 1), SLUICE_E_ARGUMENT,
                  "rank 1 joins twice");
}

static void a_rank_speaks_between_join_and_leave(void **state) {
    (void)state;
    expect_right(true, speak_too_early);
    expect_right(false, speak_too_late);
}

/* ---- what is copied when ---- */

/* The sender's memory is read when both ends are posted, and the receiver's written only in its
 * calls. */
static void look_at_memory(rank_thread *me) {
    if (me->rank == 0) {
        check_ok(me, rank_write(me, 0, 1));
        check_ok(me, rank_send(me, 1, 0, 0, 1));
        check_ok(
            me, rank_write(me, 0,
                           2)); /* a user must not do this: it shows that the memory is read late */
        check_ok(me, rank_meet(me));
        check_ok(me, rank_meet(me));
        check_over(me, rank_sent(me, 1, 0, 0), rank_patience, true);
        check_ok(me, rank_meet(me));
    } else {
        check_ok(me, rank_meet(me));
        check_ok(me, rank_receive(me, 0, 0, 5, 1));
        check_ok(me, rank_meet(me));
        check_ok(me, rank_meet(me)); /* it is sent, and in transit */
        check_number(me, 5, 0);
        check_over(me, rank_received(me, 0, 0, 0), rank_patience, true);
        check_number(me, 5, 2);
    }
}

static void bytes_travel_at_rendezvous(void **state) {
    (void)state;
    expect_right(false, look_at_memory);
}

/* ---- leave() ---- */

static void leave_for_another(rank_thread *me) {
    if (me->rank == 0) me->ops->leave(me->transport, 1);
    (void)rank_meet(me);
}

static int leave_in_a_child(void) {
    char said[512];
    (void)run(said, &(rank_setup){.ranks = 2, .channels = there, .count = 2}, leave_for_another);
    return CHILD_RIGHT;
}

static void only_its_own_thread_leaves(void **state) {
    (void)state;
    const char *const none[] = {NULL};
    const child_result got   = child_run(leave_in_a_child, none);
    if (got.status != -SIGABRT ||
        !strstr(got.text, "rank 1 leaves from another thread than its own"))
        fail_msg("%d: '%s'", got.status, got.text);
}

/* ---- which devices ---- */

static void asynchronous_devices_are_refused(void **state) {
    (void)state;
    sluice_device_ops late = *sluice_devices()[0];
    late.asynchronous      = true;
    late.name              = "late";
    const rank_kind kind   = {isolated_transport(), &late};
    char said[512];
    assert_false(rank_threads_run(said, sizeof said, &kind,
                                  &(rank_setup){.ranks = 2, .channels = there, .count = 2},
                                  look_at_memory));
    assert_string_equal(said, "open: the isolated transport copies at once, and late does not");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_its_own_thread_speaks_for_a_rank),
        cmocka_unit_test(a_rank_speaks_between_join_and_leave),
        cmocka_unit_test(bytes_travel_at_rendezvous),
        cmocka_unit_test(only_its_own_thread_leaves),
        cmocka_unit_test(asynchronous_devices_are_refused),
    };
    return cmocka_run_group_tests_name("isolated transport", tests, NULL, NULL);
}
