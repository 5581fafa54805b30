/* SPDX-License-Identifier: MIT */
/*
 * transport_cases.h -- the contract of a transport, in cases: ranks on separate threads
 * (rank_threads.h) run each case, over any transport. Its table says what a transport cannot do by
 * design.
 */
#ifndef SLUICE_TESTS_TRANSPORT_CASES_H
#define SLUICE_TESTS_TRANSPORT_CASES_H

#include "tests/support/rank_threads.h"

typedef struct transport_case {
    const char *name;
    rank_setup setup;
    void (*script)(rank_thread *me);
    /* Whether the case applies to a transport with this table; NULL: to any. */
    bool (*applies)(const sluice__transport_ops *ops);
} transport_case;

/* Transfers and gathers; many of them; joining, aborting and leaving. Each list ends with {0}. */
extern const transport_case transfer_cases[], exchange_cases[], lifetime_cases[];

/* The case of this name. */
const transport_case *transport_case_find(const char *name);

/* Seconds in which something must not happen: it is polled briefly. */
static const double brief_s = 0.03;

/* Fails unless the transfer is over within `seconds`, or is not, as expected. */
#define check_over(me, at, seconds, expected)                                                      \
    do {                                                                                           \
        const sluice__transfer_end at_ = (at);                                                     \
        bool over_                     = !(expected);                                              \
        check_ok(me, rank_wait(me, &at_, seconds, &over_));                                        \
        check(me, over_ == (expected), "transfer %d of channel %d from %d to %d is %sover", at_.k, \
              at_.channel, at_.from, at_.to, over_ ? "" : "not ");                                 \
    } while (0)

#define check_number(me, slot, expected)                                                           \
    do {                                                                                           \
        int64_t got_ = -1;                                                                         \
        check_ok(me, rank_read(me, slot, &got_));                                                  \
        check(me, got_ == (int64_t)(expected), "slot %d has %lld, expected %lld", slot,            \
              (long long)got_, (long long)(expected));                                             \
    } while (0)

#endif
