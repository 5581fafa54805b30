/* SPDX-License-Identifier: MIT */
/*
 * link_times.c -- a message there and a short one back, many times, on the threads and streams of
 * the ranks of open pipelines.
 *
 * Short messages both ways say the latency. What a long one takes longer is its bytes over the
 * bandwidth. Messages are read from and written to the arenas, whose contents are no longer needed.
 */
#include "runtime/measure/link_times.h"

#include "runtime/base/alloc.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/executor/connect.h"
#include "runtime/executor/workers.h"
#include "runtime/measure/samples.h"
#include "runtime/transport/registry.h"

enum { ROUNDS = 25, WARM_UP = 5, PARTS = 3, SHORT_BYTES = 64, EVENTS = 4 };
enum { SHORTEST_LONG = 1 << 20 }; /* takes much longer than a short one */
enum { TRANSFERS = PARTS * (ROUNDS + WARM_UP) };

/* Ranks a and b: short messages, long ones from a, long ones from b. */
typedef struct pair {
    int a, b;
    double trip[PARTS][ROUNDS]; /* seconds there and back */
} pair;

typedef struct link_test {
    const sluice__busy_ranks *all;
    const sluice__transport_ops *ops;
    sluice__transport *transport;
    sluice__world world;
    size_t bytes;
    pair *pairs;
    int count;
} link_test;

/* One rank's end. */
typedef struct end {
    link_test *test;
    sluice__rank *rank;
    int me; /* in the test's world */
    sluice_event *events[EVENTS];
    int posts;
    int *sent, *received; /* [ranks]: transfers to and from each */
} end;

/* ---- messages ---- */

static sluice__mark next_mark(end *e) {
    return (sluice__mark){e->rank->transfers, e->events[e->posts++ % EVENTS]};
}

/* Until the transfer is over, on the device too. */
static sluice_status await_end(end *e, const sluice__transfer_end *at) {
    const sluice_device_ops *const device = e->rank->pipeline->ops;
    sluice_event *over                    = NULL;
    bool done                             = false;
    SLUICE__TRY(e->test->ops->wait(e->test->transport, at, e->rank->pipeline->deadline.seconds,
                                   &done, &over));
    if (!done)
        return sluice__fail(SLUICE_E_DEADLINE, "no message between ranks %d and %d for %g s",
                            at->from, at->to, e->rank->pipeline->deadline.seconds);
    sluice__progress(&e->rank->pipeline->deadline);
    if (!device->asynchronous) return SLUICE_OK;
    if (over) SLUICE__TRY(device->wait(e->rank->transfers, over));
    return device->synchronize(e->rank->transfers);
}

static sluice_status send_to(end *e, int to, size_t bytes) {
    const sluice__message message = {e->me, to, 0, bytes, 0};
    const sluice__transfer_end at = {e->me, to, 0, e->sent[to]++, true};
    SLUICE__TRY(
        e->test->ops->post_send(e->test->transport, &message, e->rank->arena, next_mark(e)));
    return await_end(e, &at);
}

static sluice_status receive_from(end *e, int from, size_t bytes) {
    const sluice__message message = {from, e->me, 0, bytes, 0};
    const sluice__transfer_end at = {from, e->me, 0, e->received[from]++, false};
    SLUICE__TRY(
        e->test->ops->post_receive(e->test->transport, &message, e->rank->arena, next_mark(e)));
    return await_end(e, &at);
}

/* ---- a pair ---- */

static sluice_status trip(end *e, int other, bool begins, size_t there, size_t back) {
    SLUICE__TRY(begins ? send_to(e, other, there) : receive_from(e, other, there));
    return begins ? receive_from(e, other, back) : send_to(e, other, back);
}

static sluice_status run_pair(end *e, pair *with) {
    const int other = e->me == with->a ? with->b : with->a;
    for (int part = 0; part < PARTS; part++) {
        const bool begins  = e->me == (part < 2 ? with->a : with->b);
        const size_t there = part == 0 ? SHORT_BYTES : e->test->bytes;
        for (int n = -WARM_UP; n < ROUNDS; n++) {
            const double begin = sluice__now();
            SLUICE__TRY(trip(e, other, begins, there, SHORT_BYTES));
            if (begins && n >= 0) with->trip[part][n] = sluice__now() - begin;
        }
    }
    return SLUICE_OK;
}

static sluice_status meet(const end *e) {
    const sluice__world *const world = &e->test->world;
    SLUICE__TRY(world->bootstrap_ops->meet(world->bootstrap, e->rank->pipeline->deadline.seconds));
    sluice__progress(&e->rank->pipeline->deadline);
    return SLUICE_OK;
}

static sluice_status run_pairs(end *e) {
    for (int k = 0; k < e->test->count; k++) {
        pair *const at = &e->test->pairs[k];
        SLUICE__TRY(meet(e));
        if (e->me == at->a || e->me == at->b) SLUICE__TRY(run_pair(e, at));
    }
    return meet(e);
}

/* ---- a rank ---- */

static sluice_status meet_devices(const end *e, const pair *with) {
    if (e->me != with->a && e->me != with->b) return SLUICE_OK;
    const int other = e->me == with->a ? with->b : with->a;
    return e->rank->pipeline->ops->meet(e->rank->device,
                                        e->test->all->rank[other].pipeline->ordinals[0]);
}

static sluice_status open_end(end *e) {
    const sluice__rank *const rank = e->rank;
    const size_t ranks             = (size_t)e->test->world.ranks;
    SLUICE__TRY(sluice__alloc(&e->sent, ranks, sizeof *e->sent));
    SLUICE__TRY(sluice__alloc(&e->received, ranks, sizeof *e->received));
    for (int k = 0; k < e->test->count && e->test->ops->copies; k++)
        SLUICE__TRY(meet_devices(e, &e->test->pairs[k]));
    for (int k = 0; k < EVENTS; k++)
        SLUICE__TRY(rank->pipeline->ops->event_create(&e->events[k], rank->device, false));
    return e->test->ops->join(e->test->transport, e->me, rank->device, rank->transfers,
                              rank->pipeline->deadline.seconds);
}

static void close_end(end *e) {
    for (int k = 0; k < EVENTS; k++)
        if (e->events[k]) e->rank->pipeline->ops->event_destroy(e->events[k]);
    sluice__free(e->sent);
    sluice__free(e->received);
}

/* A failure ends the waits of all. */
static void stop_all(const link_test *test) {
    const sluice_error error = *sluice_last_error();
    test->ops->abort(test->transport);
    test->world.bootstrap_ops->abort(test->world.bootstrap);
    sluice__fail_again(&error);
}

/* A task of the pipeline's rank. */
static sluice_status be_end(sluice__rank *rank, void *argument) {
    end e                = {.test = argument, .rank = rank, .me = rank->pipeline->first_rank};
    sluice_status status = open_end(&e);
    if (status == SLUICE_OK) status = run_pairs(&e);
    if (status != SLUICE_OK) stop_all(e.test);
    const sluice_error error = *sluice_last_error();
    e.test->ops->leave(e.test->transport, e.me);
    close_end(&e);
    return status == SLUICE_OK ? SLUICE_OK : sluice__fail_again(&error);
}

static void run_rank(sluice__busy_rank *rank) {
    if (sluice__workers_do(rank->pipeline, be_end, rank->all->argument) != SLUICE_OK)
        sluice__busy_rank_fail(rank);
}

/* ---- the test ---- */

/* Two ranks are one pair; more are a ring. */
static sluice_status list_pairs(link_test *test, int ranks) {
    test->count = ranks == 2 ? 1 : ranks;
    SLUICE__TRY(sluice__alloc(&test->pairs, (size_t)test->count, sizeof *test->pairs));
    for (int k = 0; k < test->count; k++) {
        test->pairs[k].a = k;
        test->pairs[k].b = (k + 1) % ranks;
    }
    return SLUICE_OK;
}

static sluice_status open_channels(link_test *test, const sluice__busy_ranks *all) {
    const size_t count        = 2 * (size_t)test->count;
    sluice__channel *channels = NULL;
    size_t *none              = NULL; /* bytes of gathers */
    sluice_status status      = SLUICE_OK;
    SLUICE__TRY_OUT(sluice__alloc(&channels, count, sizeof *channels));
    SLUICE__TRY_OUT(sluice__alloc(&none, (size_t)all->count, sizeof *none));
    for (int k = 0; k < test->count; k++) {
        const pair *const at        = &test->pairs[k];
        channels[2 * (size_t)k]     = (sluice__channel){at->a, at->b, 0, TRANSFERS, 0, 0};
        channels[2 * (size_t)k + 1] = (sluice__channel){at->b, at->a, 0, TRANSFERS, 0, 0};
    }
    const size_t *const gathers[SLUICE__GATHERS] = {none, none};
    SLUICE__TRY_OUT(test->ops->open(&test->transport, &test->world, channels, (int)count, gathers,
                                    all->rank[0].pipeline->ops));
    test->ops->begin(test->transport);
out:
    sluice__free(channels);
    sluice__free(none);
    return status;
}

static sluice_status open_test(link_test *test, const sluice__busy_ranks *all, size_t bytes) {
    const sluice__transport_entry *entry = NULL;
    test->all                            = all;
    test->bytes                          = bytes > SHORTEST_LONG ? bytes : SHORTEST_LONG;
    for (int r = 0; r < all->count; r++)
        if (all->rank[r].pipeline->rank[0].arena_bytes < test->bytes)
            test->bytes = all->rank[r].pipeline->rank[0].arena_bytes;
    SLUICE__TRY(sluice__transport_find(&entry, NULL));
    SLUICE__TRY(sluice__transport_load(&test->ops, entry));
    SLUICE__TRY(list_pairs(test, all->count));
    SLUICE__TRY(sluice__world_open(&test->world, all->count));
    return open_channels(test, all);
}

static void close_test(link_test *test) {
    if (test->transport) test->ops->close(test->transport);
    sluice__world_close(&test->world);
    sluice__free(test->pairs);
}

/* ---- results ---- */

/* The link that part `part` sent its long messages over; `round`: of short ones. Where noise hides
 * how much longer a long one takes, all of its time counts. */
static void summarize(sluice_link_cost *link, sluice_profile_link_spread *spread, pair *of,
                      int part, const sluice__summary *round, size_t bytes) {
    const sluice__summary whole = sluice__summarize(of->trip[part], ROUNDS);
    const double longer         = whole.median - round->median;
    const double took           = longer > whole.median / 10 ? longer : whole.median;
    *link = (sluice_link_cost){part == 1 ? of->a : of->b, part == 1 ? of->b : of->a,
                               round->median / 2, (double)bytes / took};
    *spread = (sluice_profile_link_spread){round->spread / 2,
                                           (double)bytes / took * (whole.spread / took)};
}

static sluice__summary median_link(const sluice_profile *profile, bool latency, double *scratch) {
    for (int l = 0; l < profile->link_count; l++)
        scratch[l] = latency ? profile->links[l].latency : profile->links[l].bandwidth;
    return sluice__summarize(scratch, profile->link_count);
}

/* Links that are not neighbours' are taken to be as the median of those. */
static sluice_status set_default(sluice_profile *profile) {
    double *scratch;
    SLUICE__TRY(sluice__alloc(&scratch, (size_t)profile->link_count, sizeof *scratch));
    const sluice__summary latency = median_link(profile, true, scratch);
    const sluice__summary speed   = median_link(profile, false, scratch);
    profile->latency_s            = latency.median;
    profile->bytes_per_s          = speed.median;
    profile->default_link_spread  = (sluice_profile_link_spread){latency.spread, speed.spread};
    sluice__free(scratch);
    return SLUICE_OK;
}

static sluice_status set_links(sluice_profile *profile, link_test *test) {
    const size_t count = 2 * (size_t)test->count;
    SLUICE__TRY(sluice__alloc(&profile->links, count, sizeof *profile->links));
    SLUICE__TRY(sluice__alloc(&profile->link_spreads, count, sizeof *profile->link_spreads));
    for (int k = 0; k < test->count; k++) {
        const sluice__summary round = sluice__summarize(test->pairs[k].trip[0], ROUNDS);
        for (int part = 1; part < PARTS; part++) {
            const int l = profile->link_count++;
            summarize(&profile->links[l], &profile->link_spreads[l], &test->pairs[k], part, &round,
                      test->bytes);
        }
    }
    return set_default(profile);
}

sluice_status sluice__measure_links(sluice_profile *profile, sluice__busy_ranks *all,
                                    size_t bytes) {
    link_test test       = {0};
    sluice_status status = SLUICE_OK;
    if (all->count < 2) return SLUICE_OK;
    SLUICE__TRY_OUT(open_test(&test, all, bytes));
    SLUICE__TRY_OUT(sluice__busy_ranks_do(all, run_rank, &test, NULL, NULL));
    SLUICE__TRY_OUT(set_links(profile, &test));
out:
    close_test(&test);
    return status;
}
