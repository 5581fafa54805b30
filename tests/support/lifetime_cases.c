/* SPDX-License-Identifier: MIT */
/* lifetime_cases.c -- how ranks join, are stopped, and leave. */
#include "tests/support/transport_cases.h"

#include <time.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"

static const char stopped[]          = "another rank failed first";
static const sluice__channel there[] = {{0, 1, 0, 2, 0, 0}};
static const sluice__channel three[] = {{0, 1, 0, 2, 0, 0}, {1, 2, 0, 2, 0, 0}};

static sluice_status join(rank_thread *me, double seconds) {
    return me->ops->join(me->transport, me->rank, me->device, me->stream, seconds);
}

/* ---- join ---- */

static bool meets(const sluice__transport_ops *ops) {
    return ops->meets;
}

static bool meets_nobody(const sluice__transport_ops *ops) {
    return !ops->meets;
}

/* The last rank does not join. */
static void join_without_one(rank_thread *me) {
    const double start = sluice__now();
    if (me->rank < me->ranks - 1)
        check_refused(me, join(me, 0.1), SLUICE_E_DEADLINE,
                      "the ranks did not all arrive within 0.1 s");
    const double seconds = sluice__now() - start;
    check(me, seconds < 10, "joining for 0.1 s took %g s", seconds);
}

/* And is not needed. */
static void join_alone(rank_thread *me) {
    if (me->rank < me->ranks - 1) check_ok(me, join(me, 0.1));
}

static void come_late(rank_thread *me) {
    if (me->rank == 1) nap(2 * brief_s);
    check_ok(me, join(me, rank_patience));
}

/* One never joins, and another gives up waiting for it. */
static void abort_a_join(rank_thread *me) {
    const double start = sluice__now();
    if (me->rank == 0) check_refused(me, join(me, rank_patience), SLUICE_E_STOPPED, stopped);
    if (me->rank == 1) {
        nap(brief_s);
        me->ops->abort(me->transport);
    }
    const double seconds = sluice__now() - start;
    check(me, seconds < rank_patience / 2, "the end of a join took %g s", seconds);
}

static void leave_at_once(rank_thread *me) {
    (void)me; /* its thread leaves, twice */
}

/* ---- abort ---- */

/* Rank 0 waits for its sender's partner, rank 1 in a gather; rank 2 stops them. */
static sluice_status wait_to_be_stopped(rank_thread *me, double seconds) {
    const sluice__transfer_end at = rank_sent(me, 1, 0, 0);
    const double mine             = 0;
    double all[3];
    bool done = false;
    if (me->rank == 0) {
        SLUICE__TRY(rank_send(me, 1, 0, 0, 1));
        return rank_wait(me, &at, seconds, &done);
    }
    SLUICE__TRY(me->ops->post_gather(me->transport, SLUICE__GATHER_NORM, me->rank, &mine));
    return me->ops->wait_gather(me->transport, SLUICE__GATHER_NORM, me->rank, all, seconds, &done);
}

static void stop_who_waits(rank_thread *me) {
    const double enough = rank_patience / 5;
    const double start  = sluice__now();
    if (me->rank < 2) check_refused(me, wait_to_be_stopped(me, enough), SLUICE_E_STOPPED, stopped);
    if (me->rank == 2) {
        nap(brief_s);
        me->ops->abort(me->transport);
    }
    const double seconds = sluice__now() - start;
    check(me, seconds < enough, "whoever waits is stopped after %g s", seconds);
}

/* After an abort nothing begins, and no call waits. */
static void go_on_after_abort(rank_thread *me) {
    const sluice__transfer_end at =
        me->rank == 0 ? rank_sent(me, 1, 0, 0) : rank_received(me, 0, 0, 0);
    const double start = sluice__now();
    bool done          = false;
    double all[2];
    check_ok(me, rank_meet(me));
    if (me->rank == 0) me->ops->abort(me->transport);
    check_ok(me, rank_meet(me));
    check_refused(me, me->rank == 0 ? rank_send(me, 1, 0, 0, 1) : rank_receive(me, 0, 0, 0, 1),
                  SLUICE_E_STOPPED, stopped);
    check_refused(me, rank_wait(me, &at, rank_patience, &done), SLUICE_E_STOPPED, stopped);
    check_refused(me,
                  me->ops->wait_gather(me->transport, SLUICE__GATHER_REPORT, me->rank, all,
                                       rank_patience, &done),
                  SLUICE_E_STOPPED, stopped);
    me->ops->abort(me->transport);
    const double seconds = sluice__now() - start;
    check(me, seconds < rank_patience / 2, "what cannot go on took %g s", seconds);
}

/* One leaves in the middle, as a failing rank does, and then the other. */
static void leave_in_the_middle(rank_thread *me) {
    if (me->rank == 0) {
        check_ok(me, rank_send(me, 1, 0, 0, 1));
        me->ops->abort(me->transport);
        me->ops->leave(me->transport, 0);
    }
    check_ok(me, rank_meet(me));
    if (me->rank == 1) check_refused(me, rank_receive(me, 0, 0, 0, 1), SLUICE_E_STOPPED, stopped);
}

const transport_case lifetime_cases[] = {
    {"joining ends without all ranks",
     {.ranks = 3, .channels = three, .count = 2, .joins_itself = true},
     join_without_one,
     meets},
    {"joining needs nobody",
     {.ranks = 3, .channels = three, .count = 2, .joins_itself = true},
     join_alone,
     meets_nobody},
    {"joining waits for a late rank",
     {.ranks = 3, .channels = three, .count = 2, .joins_itself = true},
     come_late,
     NULL},
    {"an abort ends a join",
     {.ranks = 3, .channels = three, .count = 2, .joins_itself = true},
     abort_a_join,
     meets},
    {"a rank may leave without joining",
     {.ranks = 2, .channels = there, .count = 1, .joins_itself = true},
     leave_at_once,
     NULL},
    {"a rank may leave at once", {.ranks = 2, .channels = there, .count = 1}, leave_at_once, NULL},
    {"an abort stops whoever waits",
     {.ranks = 3, .channels = three, .count = 2},
     stop_who_waits,
     NULL},
    {"nothing begins after an abort",
     {.ranks = 2, .channels = there, .count = 1},
     go_on_after_abort,
     NULL},
    {"a rank may leave in the middle",
     {.ranks = 2, .channels = there, .count = 1},
     leave_in_the_middle,
     NULL},
    {0},
};
