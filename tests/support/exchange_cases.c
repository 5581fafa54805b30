/* SPDX-License-Identifier: MIT */
/* exchange_cases.c -- many transfers among many ranks: round a ring, and at random. */
#include "tests/support/transport_cases.h"

enum { RING = 4, ROUNDS = 300 };

/* Receive from the rank before, send to the next. In one queue, where the second waits for the
 * first, neighbours use different orders. */
static void pass_on(rank_thread *me, int k) {
    const int next = (me->rank + 1) % RING, before = (me->rank + RING - 1) % RING;
    const bool sends_first = me->ops->one_queue ? me->rank % 2 == 0 : k % 2 == 0;
    if (sends_first) check_ok(me, rank_send(me, next, 0, 0, 1));
    check_ok(me, rank_receive(me, before, 0, 1, 1));
    if (!sends_first) check_ok(me, rank_send(me, next, 0, 0, 1));
    check_over(me, rank_received(me, before, 0, k), rank_patience, true);
    check_over(me, rank_sent(me, next, 0, k), rank_patience, true);
}

/* Pass a number round the ring, each rank adding one; then gather. */
static void go_round(rank_thread *me) {
    int64_t number   = 0;
    double all[RING] = {0};
    bool done        = false;
    for (int k = 0; k < ROUNDS; k++) {
        check_ok(me, rank_write(me, 0, number));
        pass_on(me, k);
        check_ok(me, rank_read(me, 1, &number));
        check(me, number == k, "round %d brings %lld", k, (long long)number);
        number++;
    }
    const double mine = (double)(number + me->rank);
    check_ok(me, me->ops->post_gather(me->transport, SLUICE__GATHER_NORM, me->rank, &mine));
    check_ok(me, me->ops->wait_gather(me->transport, SLUICE__GATHER_NORM, me->rank, all,
                                      rank_patience, &done));
    for (int r = 0; r < RING; r++)
        check(me, done && all[r] == ROUNDS + r, "rank %d gives %g, expected %d", r, all[r],
              ROUNDS + r);
}

/* ---- at random ---- */

enum {
    RANKS     = 3,
    PAIRS     = RANKS * (RANKS - 1),
    EACH      = 2,
    CHANNELS  = PAIRS * EACH,
    TRANSFERS = 12,
    RUNS      = 30
};

/* Two channels between each two ranks, in each direction. */
#define BETWEEN(a, b)                                                                              \
    {a, b, 0, TRANSFERS, 0, 0}, {                                                                  \
        a, b, 1, TRANSFERS, 0, 0                                                                   \
    }
static const sluice__channel mesh[CHANNELS] = {BETWEEN(0, 1), BETWEEN(1, 0), BETWEEN(0, 2),
                                               BETWEEN(2, 0), BETWEEN(1, 2), BETWEEN(2, 1)};

typedef struct transfer {
    const sluice__channel *channel;
    int k, count,
        slot; /* index in its channel; count of numbers, from this slot on at its receiver */
} transfer;

/* The transfers of a run, the same on every rank, in an order that all ranks can keep. */
static void draw(transfer out[TRANSFERS], uint64_t *random) {
    int next[CHANNELS] = {0}, slot[RANKS] = {0};
    for (int t = 0; t < TRANSFERS; t++) {
        const int c                       = test_random_int(random, 0, CHANNELS - 1);
        const sluice__channel *const from = &mesh[c];
        const int count                   = test_random_int(random, 1, 4);
        out[t]                            = (transfer){from, next[c]++, count, slot[from->to]};
        slot[from->to] += count;
    }
}

/* Without one queue, channels may be taken in any order: here the last one's posts come first. */
static int order(const rank_thread *me, const transfer drawn[TRANSFERS], int ordered[TRANSFERS]) {
    int count = 0;
    if (me->ops->one_queue) {
        for (int t = 0; t < TRANSFERS; t++) ordered[count++] = t;
        return count;
    }
    for (int n = 0; n < CHANNELS; n++) {
        const sluice__channel *const channel = &mesh[(CHANNELS - 1 - n + 5 * me->rank) % CHANNELS];
        for (int t = 0; t < TRANSFERS; t++)
            if (drawn[t].channel == channel) ordered[count++] = t;
    }
    return count;
}

/* Sent numbers are stored after received ones. */
enum { SENT_FROM = 4 * TRANSFERS - 4 };

static sluice_status post_end(rank_thread *me, const transfer *of, bool sends) {
    const sluice__channel *const at = of->channel;
    return sends ? rank_send(me, at->to, at->index, SENT_FROM, of->count)
                 : rank_receive(me, at->from, at->index, of->slot, of->count);
}

static void exchange(rank_thread *me, const transfer drawn[TRANSFERS]) {
    int ordered[TRANSFERS];
    const int count = order(me, drawn, ordered);
    for (int n = 0; n < count; n++) {
        const transfer *const of = &drawn[ordered[n]];
        if (of->channel->from == me->rank) check_ok(me, post_end(me, of, true));
        if (of->channel->to == me->rank) check_ok(me, post_end(me, of, false));
    }
    for (int t = TRANSFERS - 1; t >= 0; t--) {
        const sluice__channel *const at = drawn[t].channel;
        if (at->to == me->rank)
            check_over(me, rank_received(me, at->from, at->index, drawn[t].k), rank_patience, true);
        if (at->from == me->rank)
            check_over(me, rank_sent(me, at->to, at->index, drawn[t].k), rank_patience, true);
    }
}

static void exchange_at_random(rank_thread *me) {
    uint64_t random = 1;
    for (int run = 0; run < RUNS; run++) {
        transfer drawn[TRANSFERS];
        draw(drawn, &random);
        for (int n = 0; n < 4; n++)
            check_ok(me, rank_write(me, SENT_FROM + n, 100 * run + 10 * me->rank + n));
        exchange(me, drawn);
        for (int t = 0; t < TRANSFERS; t++)
            for (int n = 0; drawn[t].channel->to == me->rank && n < drawn[t].count; n++)
                check_number(me, drawn[t].slot + n, 100 * run + 10 * drawn[t].channel->from + n);
        check_ok(me, rank_begin(me));
    }
}

static const sluice__channel ring[RING] = {{0, 1, 0, ROUNDS, 0, 0},
                                           {1, 2, 0, ROUNDS, 0, 0},
                                           {2, 3, 0, ROUNDS, 0, 0},
                                           {3, 0, 0, ROUNDS, 0, 0}};

const transport_case exchange_cases[] = {
    {"a ring of ranks", {.ranks = RING, .channels = ring, .count = RING}, go_round, NULL},
    {"transfers at random",
     {.ranks = RANKS, .channels = mesh, .count = CHANNELS},
     exchange_at_random,
     NULL},
    {0},
};
