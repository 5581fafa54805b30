/* SPDX-License-Identifier: MIT */
/* transfer_cases.c -- what transports promise about transfers and gathers. */
#include "tests/support/transport_cases.h"

#include "runtime/base/clock.h"

/* ---- order ---- */

static const sluice__channel there[] = {{0, 1, 0, 3, 0, 0}};

/* Two of three receives match sends; the last send comes later. */
static void send_three(rank_thread *me, int first) {
    for (int k = 0; k < 3; k++) check_ok(me, rank_write(me, k, first + k));
    for (int k = 0; k < 2; k++) check_ok(me, rank_send(me, 1, 0, k, 1));
    check_over(me, rank_sent(me, 1, 0, 0), brief_s, false); /* not received yet */
    check_ok(me, rank_meet(me));
    check_over(me, rank_sent(me, 1, 0, 1), rank_patience, true);
    check_ok(me, rank_meet(me));
    check_ok(me, rank_send(me, 1, 0, 2, 1));
    for (int k = 0; k < 3; k++) check_over(me, rank_sent(me, 1, 0, k), rank_patience, true);
}

static void receive_three(rank_thread *me, int first) {
    check_ok(me, rank_meet(me));
    for (int k = 0; k < 3; k++) check_ok(me, rank_receive(me, 0, 0, 10 + k, 1));
    check_over(me, rank_received(me, 0, 0, 1), rank_patience, true);
    check_over(me, rank_received(me, 0, 0, 2), brief_s, false);
    check_ok(me, rank_meet(me));
    for (int k = 0; k < 3; k++) check_over(me, rank_received(me, 0, 0, k), rank_patience, true);
    for (int k = 0; k < 3; k++) check_number(me, 10 + k, first + k);
}

static void kth_meets_kth(rank_thread *me) {
    for (int run = 0; run < 2; run++) {
        if (me->rank == 0)
            send_three(me, 100 * run + 10);
        else
            receive_three(me, 100 * run + 10);
        check_ok(me, rank_begin(me));
    }
}

/* Both ranks send first, and only then receive. In one queue the two are a group. */
static void send_both_ways(rank_thread *me) {
    const int other    = 1 - me->rank;
    const bool is_one  = me->ops->one_queue;
    const int64_t mine = 7 + me->rank;
    check_ok(me, rank_write(me, 0, mine));
    if (is_one) check_ok(me, me->ops->group_begin(me->transport, me->rank));
    check_ok(me, rank_send(me, other, 0, 0, 1));
    if (!is_one) {
        check_ok(me, rank_meet(me));
        check_over(me, rank_sent(me, other, 0, 0), brief_s, false);
        check_ok(me, rank_meet(me));
    }
    check_ok(me, rank_receive(me, other, 0, 1, 1));
    if (is_one) check_ok(me, me->ops->group_end(me->transport, me->rank));
    check_over(me, rank_received(me, other, 0, 0), rank_patience, true);
    check_over(me, rank_sent(me, other, 0, 0), rank_patience, true);
    check_number(me, 1, 7 + other);
}

static const sluice__channel ring[] = {{0, 1, 0, 1, 0, 0}, {1, 0, 0, 1, 0, 0}};

/* What is posted on one channel does not wait for another. In one queue it is posted first. */
static void send_on_two(rank_thread *me) {
    for (int k = 0; k < 3; k++) check_ok(me, rank_write(me, k, k + 1));
    if (me->ops->one_queue) check_ok(me, rank_send(me, 1, 1, 2, 1));
    for (int k = 0; k < 2; k++) check_ok(me, rank_send(me, 1, 0, k, 1));
    if (!me->ops->one_queue) check_ok(me, rank_send(me, 1, 1, 2, 1));
    check_over(me, rank_sent(me, 1, 1, 0), rank_patience, true);
    check_over(me, rank_sent(me, 1, 0, 0), brief_s, false);
    check_ok(me, rank_meet(me));
    for (int k = 0; k < 2; k++) check_over(me, rank_sent(me, 1, 0, k), rank_patience, true);
}

static void receive_on_two(rank_thread *me) {
    check_ok(me, rank_receive(me, 0, 1, 12, 1));
    check_over(me, rank_received(me, 0, 1, 0), rank_patience, true);
    check_number(me, 12, 3);
    check_ok(me, rank_meet(me));
    for (int k = 0; k < 2; k++) check_ok(me, rank_receive(me, 0, 0, 10 + k, 1));
    for (int k = 0; k < 2; k++) check_over(me, rank_received(me, 0, 0, k), rank_patience, true);
    for (int k = 0; k < 2; k++) check_number(me, 10 + k, k + 1);
}

static void use_two(rank_thread *me) {
    if (me->rank == 0)
        send_on_two(me);
    else
        receive_on_two(me);
}

static const sluice__channel two[] = {{0, 1, 0, 2, 0, 0}, {0, 1, 1, 1, 0, 0}};

/* ---- rendezvous ---- */

/* An end without a partner waits until its deadline, and no longer. */
static void send_alone(rank_thread *me) {
    const double start = sluice__now();
    check_ok(me, rank_write(me, 0, 5));
    check_ok(me, rank_send(me, 1, 0, 0, 1));
    check_over(me, rank_sent(me, 1, 0, 0), 2 * brief_s, false);
    const double waited = sluice__now() - start;
    check(me, waited > brief_s && waited < 10, "waiting for %g s took %g s", 2 * brief_s, waited);
    check_ok(me, rank_meet(me));
    check_over(me, rank_sent(me, 1, 0, 0), rank_patience, true);
}

static void wait_alone(rank_thread *me) {
    if (me->rank == 0) {
        send_alone(me);
        return;
    }
    check_over(me, rank_received(me, 0, 0, 0), 0, false); /* not even posted */
    check_ok(me, rank_meet(me));
    check_ok(me, rank_receive(me, 0, 0, 1, 1));
    check_over(me, rank_received(me, 0, 0, 0), rank_patience, true);
    check_number(me, 1, 5);
}

/* The receiver waits first, and is woken. */
static void receive_first(rank_thread *me) {
    if (me->rank == 1) {
        check_ok(me, rank_receive(me, 0, 0, 1, 2));
        check_over(me, rank_received(me, 0, 0, 0), brief_s, false);
        check_ok(me, rank_meet(me));
        check_over(me, rank_received(me, 0, 0, 0), rank_patience, true);
        check_number(me, 1, 8);
        check_number(me, 2, 9);
    } else {
        check_ok(me, rank_write(me, 0, 8));
        check_ok(me, rank_write(me, 1, 9));
        check_ok(me, rank_meet(me));
        check_ok(me, rank_send(me, 1, 0, 0, 2));
        check_over(me, rank_sent(me, 1, 0, 0), rank_patience, true);
    }
}

/* ---- refusals ---- */

/* One end of one number, with this content, or of two numbers. */
static sluice_status post(rank_thread *me, bool sends, size_t bytes, uint64_t content) {
    const sluice__mark mark       = {me->stream, me->marks[0]};
    const sluice__message message = {0, 1, 0, bytes, content};
    return sends ? me->ops->post_send(me->transport, &message, me->arena, mark)
                 : me->ops->post_receive(me->transport, &message, me->arena, mark);
}

/* Rank `second` posts after the other, and is refused. The first end's content is the lower number,
 * then the higher one. */
static void differ(rank_thread *me) {
    static const char other[] = "what is sent is not what is received next: the two ends of the "
                                "channel disagree on the order of transfers";
    for (int k = 0; k < 4; k++) {
        const int second          = k % 2;
        const uint64_t contents[] = {k < 2 ? 1 : 3, 2};
        const bool sends = me->rank == 0, comes_first = me->rank != second;
        if (comes_first) check_ok(me, post(me, sends, sends ? 16 : 8, 1));
        check_ok(me, rank_meet(me));
        if (!comes_first)
            check_refused(me, post(me, sends, sends ? 16 : 8, 1), SLUICE_E_ARGUMENT,
                          "a send of 16 bytes meets a receive of 8");
        check_ok(me, rank_begin(me));
        if (comes_first) check_ok(me, post(me, sends, 8, contents[0]));
        check_ok(me, rank_meet(me));
        if (!comes_first)
            check_refused(me, post(me, sends, 8, contents[1]), SLUICE_E_SCHEDULE, other);
        check_ok(me, rank_begin(me));
    }
}

/* ---- bytes ---- */

/* Of three numbers that lie between others at both ends, these alone are moved: a count in bytes,
 * taken for a count of numbers, would move what follows, too. */
static void move_between_guards(rank_thread *me) {
    enum { GUARD = -7, FIRST = 20, COUNT = 3, SLOTS = RANK_SLOTS };
    const bool sends = me->rank == 0;
    for (int k = 0; k < SLOTS; k++) check_ok(me, rank_write(me, k, sends ? 100 + k : GUARD));
    check_ok(me, rank_meet(me));
    check_ok(me, sends ? rank_send(me, 1, 0, FIRST, COUNT) : rank_receive(me, 0, 0, FIRST, COUNT));
    if (sends) {
        check_over(me, rank_sent(me, 1, 0, 0), rank_patience, true);
        return;
    }
    check_over(me, rank_received(me, 0, 0, 0), rank_patience, true);
    for (int k = 0; k < SLOTS; k++) {
        const bool is_moved = k >= FIRST && k < FIRST + COUNT;
        int64_t got         = 0;
        check_ok(me, rank_read(me, k, &got));
        check(me, got == (is_moved ? 100 + k : GUARD),
              "slot %d, %s the %d numbers received at slot %d, has %lld, expected %d", k,
              is_moved ? "among" : "next to", COUNT, FIRST, (long long)got,
              is_moved ? 100 + k : GUARD);
    }
}

/* More bytes than a transport may move at a time, and not a multiple of anything, both ways at
 * once, twice. */
enum { MANY = 1300021 };

static void move_many(rank_thread *me) {
    const int other = 1 - me->rank;
    for (int k = 0; k < 2; k++) {
        int wrong         = 0;
        const int64_t run = (int64_t)10 * MANY * k;
        check_ok(me, rank_write_many(me, 0, MANY, run + me->rank));
        check_ok(me, me->ops->group_begin(me->transport, me->rank));
        check_ok(me, rank_send(me, other, 0, 0, MANY));
        check_ok(me, rank_receive(me, other, 0, MANY, MANY));
        check_ok(me, me->ops->group_end(me->transport, me->rank));
        check_over(me, rank_sent(me, other, 0, k), rank_patience, true);
        check_over(me, rank_received(me, other, 0, k), rank_patience, true);
        check_ok(me, rank_compare_many(me, &wrong, MANY, MANY, run + other));
        check(me, wrong < 0, "transfer %d: slot %d is wrong", k, wrong);
        check_ok(me, rank_compare_many(me, &wrong, 0, MANY, run + me->rank));
        check(me, wrong < 0, "transfer %d: slot %d, which is sent, is changed", k, wrong);
    }
}

static const sluice__channel both_ways[] = {{0, 1, 0, 2, 0, 0}, {1, 0, 0, 2, 0, 0}};

/* ---- what is posted later ---- */

/* Rank 1 gets three numbers, the first of them in exchange for another. What rank 0 waits for is
 * over at this end, too, before they meet: a transport may move bytes in the calls of its ranks
 * alone. */
static void take_three(rank_thread *me) {
    for (int k = 0; k < 3; k++) {
        check_over(me, rank_received(me, 0, 0, k), rank_patience, true);
        check_number(me, 10 + k, k);
        if (k == 0) check_over(me, rank_sent(me, 0, 0, 0), rank_patience, true);
        if (k == 2) return;
        check_ok(me, rank_meet(me));
        check_ok(me, rank_receive(me, 0, 0, 11 + k, 1));
    }
}

/* A group, then a transfer alone, are over although what is posted after them has no partner yet.
 */
static void end_before_the_next(rank_thread *me) {
    const int other = 1 - me->rank;
    for (int k = 0; k < 3; k++) check_ok(me, rank_write(me, k, 20 * me->rank + k));
    check_ok(me, me->ops->group_begin(me->transport, me->rank));
    check_ok(me, rank_send(me, other, 0, 0, 1));
    if (me->rank == 0) nap(brief_s); /* rank 1 has received before this one receives */
    check_ok(me, rank_receive(me, other, 0, 10, 1));
    check_ok(me, me->ops->group_end(me->transport, me->rank));
    if (me->rank == 1) {
        take_three(me);
        return;
    }
    for (int k = 1; k < 3; k++) {
        check_ok(me, rank_send(me, 1, 0, k, 1));
        check_over(me, rank_sent(me, 1, 0, k - 1), rank_patience, true);
        if (k == 1) check_over(me, rank_received(me, 1, 0, 0), rank_patience, true);
        check_ok(me, rank_meet(me));
    }
    check_over(me, rank_sent(me, 1, 0, 2), rank_patience, true);
    check_number(me, 10, 20);
}

static const sluice__channel exchange[] = {{0, 1, 0, 3, 0, 0}, {1, 0, 0, 1, 0, 0}};

static bool compares(const sluice__transport_ops *ops) {
    return ops->compares;
}

static void post_one_too_many(rank_thread *me) {
    static const char says[] = "more than 3 transfers from rank 0 to rank 1";
    for (int k = 0; k < 3; k++) check_ok(me, post(me, me->rank == 0, 8, (uint64_t)k));
    check_refused(me, post(me, me->rank == 0, 8, 3), SLUICE_E_ARGUMENT, says);
    if (me->rank == 0) check_over(me, rank_sent(me, 1, 0, 2), rank_patience, true);
    if (me->rank == 1) check_over(me, rank_received(me, 0, 0, 2), rank_patience, true);
}

/* ---- runs ---- */

/* Numbering of transfers and gathers starts again. */
static void run_again(rank_thread *me) {
    for (int run = 0; run < 3; run++) {
        const double mine = 10 * run + me->rank;
        double all[2]     = {0};
        bool done         = true;
        if (me->rank == 0) check_over(me, rank_sent(me, 1, 0, 0), 0, false);
        if (me->rank == 1) check_over(me, rank_received(me, 0, 0, 0), 0, false);
        check_ok(me, me->ops->wait_gather(me->transport, SLUICE__GATHER_REPORT, me->rank, all, 0,
                                          &done));
        check(me, !done, "run %d begins with a report of the last one", run);
        if (me->rank == 0) check_ok(me, rank_write(me, 0, run));
        check_ok(me, me->rank == 0 ? rank_send(me, 1, 0, 0, 1) : rank_receive(me, 0, 0, 0, 1));
        if (me->rank == 0) check_over(me, rank_sent(me, 1, 0, 0), rank_patience, true);
        if (me->rank == 1) check_over(me, rank_received(me, 0, 0, 0), rank_patience, true);
        if (me->rank == 1) check_number(me, 0, run);
        check_ok(me, me->ops->post_gather(me->transport, SLUICE__GATHER_REPORT, me->rank, &mine));
        check_ok(me, me->ops->wait_gather(me->transport, SLUICE__GATHER_REPORT, me->rank, all,
                                          rank_patience, &done));
        check(me, done && all[0] == 10 * run && all[1] == 10 * run + 1, "run %d gathers %g and %g",
              run, all[0], all[1]);
        check_ok(me, rank_begin(me));
    }
}

/* ---- gathers ---- */

/* In a gather rank r gives r numbers. */
static void give_unevenly(rank_thread *me) {
    for (int run = 0; run < 2; run++)
        for (int g = 0; g < SLUICE__GATHERS; g++) {
            const sluice__gather which = (sluice__gather)g;
            double mine[3], all[3] = {0};
            bool done = true;
            for (int k = 0; k < me->rank; k++) mine[k] = 100 * run + 10 * g + me->rank + 0.25 * k;
            if (me->rank == 1) check_ok(me, rank_meet(me));
            check_ok(me, me->ops->post_gather(me->transport, which, me->rank, mine));
            if (me->rank != 1)
                check_ok(me,
                         me->ops->wait_gather(me->transport, which, me->rank, all, brief_s, &done));
            check(me, me->rank == 1 || !done, "gather %d is over before rank 1 gives", g);
            if (me->rank != 1) check_ok(me, rank_meet(me));
            check_ok(me, me->ops->wait_gather(me->transport, which, me->rank, all, rank_patience,
                                              &done));
            check(me, done, "gather %d is not over", g);
            const double base = 100 * run + 10 * g;
            check(me, all[0] == base + 1 && all[1] == base + 2 && all[2] == base + 2.25,
                  "gather %d hands out %g, %g, %g", g, all[0], all[1], all[2]);
            check_ok(me, rank_begin(me));
        }
}

static const size_t each[3] = {0, sizeof(double), 2 * sizeof(double)};

/* ---- links of virtual devices ---- */

/* Never early; how late depends on the machine, within reason. */
static void check_time(rank_thread *me, int channel, int k, double start, double expected) {
    check_over(me, rank_received(me, 0, channel, k), rank_patience, true);
    const double got = sluice__now() - start;
    check(me, got > expected - 1e-6 && got < expected + 2,
          "transfer %d of channel %d is over after %g s, expected %g", k, channel, got, expected);
}

/* A link of 0.1 s and 800 bytes a second: 40 bytes on one channel arrive after 0.15 s, 80 bytes
 * posted on another at the same time after 0.25 s, and the next 40 bytes on the first channel after
 * 0.3 s. */
static void share_a_link(rank_thread *me) {
    static const int channel[] = {0, 1, 0}, count[] = {5, 10, 5};
    for (int k = 0; k < 3 && me->rank == 0; k++)
        check_ok(me, rank_send(me, 1, channel[k], 0, count[k]));
    check_ok(me, rank_meet(me));
    for (int c = 0; c < 2 && me->rank == 0; c++)
        check_over(me, rank_sent(me, 1, c, 1 - c), rank_patience, true);
    if (me->rank == 0) return;
    const double start = sluice__now();
    for (int k = 0; k < 3; k++) check_ok(me, rank_receive(me, 0, channel[k], 20 * k, count[k]));
    check_time(me, 0, 0, start, 0.15);
    check_time(me, 1, 0, start, 0.25);
    check_time(me, 0, 1, start, 0.30);
}

static const sluice__channel paced[] = {{0, 1, 0, 2, 0.1, 800}, {0, 1, 1, 1, 0.1, 800}};

static bool paces(const sluice__transport_ops *ops) {
    return ops->paces;
}

const transport_case transfer_cases[] = {
    {"the kth send meets the kth receive",
     {.ranks = 2, .channels = there, .count = 1},
     kth_meets_kth,
     NULL},
    {"two directions are apart", {.ranks = 2, .channels = ring, .count = 2}, send_both_ways, NULL},
    {"two channels are apart", {.ranks = 2, .channels = two, .count = 2}, use_two, NULL},
    {"a transfer waits for both ends",
     {.ranks = 2, .channels = there, .count = 1},
     wait_alone,
     NULL},
    {"a receiver may come first", {.ranks = 2, .channels = there, .count = 1}, receive_first, NULL},
    {"ends that differ are refused", {.ranks = 2, .channels = there, .count = 1}, differ, compares},
    {"a transfer moves its bytes alone",
     {.ranks = 2, .channels = there, .count = 1},
     move_between_guards,
     NULL},
    {"many bytes go both ways",
     {.ranks = 2, .channels = both_ways, .count = 2, .slots = 2 * MANY},
     move_many,
     NULL},
    {"transfers end before the next ones",
     {.ranks = 2, .channels = exchange, .count = 2},
     end_before_the_next,
     NULL},
    {"one transfer too many is refused",
     {.ranks = 2, .channels = there, .count = 1},
     post_one_too_many,
     NULL},
    {"a run forgets the last", {.ranks = 2, .channels = there, .count = 1}, run_again, NULL},
    {"gathers hand out all parts",
     {.ranks = 3, .channels = there, .count = 1, .gathers = {each, each}},
     give_unevenly,
     NULL},
    {"channels share their link", {.ranks = 2, .channels = paced, .count = 2}, share_a_link, paces},
    {0},
};

const transport_case *transport_case_find(const char *name) {
    const transport_case *const lists[] = {transfer_cases, exchange_cases, lifetime_cases};
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++)
        for (const transport_case *at = lists[l]; at->name; at++)
            if (strcmp(at->name, name) == 0) return at;
    return NULL;
}
