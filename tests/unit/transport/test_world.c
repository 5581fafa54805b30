/* SPDX-License-Identifier: MIT */
/* test_world.c -- the bootstrap of a world of one process, and gathers through host memory:
 * exchange among threads, deadlines, and aborts. */
#include "tests/support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "runtime/base/clock.h"
#include "runtime/transport/host_gather.h"
#include "runtime/transport/world.h"

enum { RANKS = 4, ROUNDS = 200 };

static const double long_s = 20;

/* One rank's thread, and its outcome. */
typedef struct rank {
    sluice__world *world;
    sluice__host_gather *gather;
    int number;
    sluice_status status;
    char said[256];
} rank;

static void note(rank *me, sluice_status status) {
    me->status = status;
    if (status == SLUICE_OK) return;
    (void)snprintf(me->said, sizeof me->said, "%.200s", sluice_last_error()->what);
}

static void start(pthread_t *threads, rank *ranks, int count, void *(*body)(void *)) {
    for (int r = 0; r < count; r++)
        assert_int_equal(pthread_create(&threads[r], NULL, body, &ranks[r]), 0);
}

/* Run `body` on every rank's thread; each must return SLUICE_OK, or what is expected. */
static void run(sluice__world *world, sluice__host_gather *gather, void *(*body)(void *)) {
    pthread_t threads[RANKS];
    rank ranks[RANKS];
    for (int r = 0; r < RANKS; r++)
        ranks[r] = (rank){.world = world, .gather = gather, .number = r};
    start(threads, ranks, RANKS, body);
    for (int r = 0; r < RANKS; r++) assert_int_equal(pthread_join(threads[r], NULL), 0);
    for (int r = 0; r < RANKS; r++)
        if (ranks[r].status != SLUICE_OK) fail_msg("rank %d: %s", r, ranks[r].said);
}

/* ---- the world ---- */

static void one_process_has_all_ranks(void **state) {
    (void)state;
    sluice__world world, none = {0};
    assert_ok(sluice__world_open(&world, 3));
    assert_int_equal(world.ranks, 3);
    for (int r = -1; r <= 3; r++) assert_int_equal(sluice__is_local(&world, r), r >= 0 && r < 3);
    sluice__world_close(&world);
    assert_null(world.bootstrap);
    sluice__world_close(&none);
    const sluice__world part = {
        .ranks = 6, .first_local = 2, .local_count = 2, .bootstrap_ops = NULL, .bootstrap = NULL};
    for (int r = 0; r < 6; r++) assert_int_equal(sluice__is_local(&part, r), r == 2 || r == 3);
}

/* ---- blobs ---- */

static sluice_status put(const sluice__world *world, const char *key, const void *blob,
                         size_t bytes) {
    return world->bootstrap_ops->put(world->bootstrap, key, blob, bytes);
}

static sluice_status get(const sluice__world *world, void *blob, size_t bytes, const char *key,
                         double seconds) {
    return world->bootstrap_ops->get(world->bootstrap, blob, bytes, key, seconds);
}

/* Each rank gives a blob of a different size, at any time, and reads those of all. */
static sluice_status tell_all(const rank *me) {
    int mine[RANKS], other[RANKS];
    char key[16];
    for (int n = 0; n <= me->number; n++) mine[n] = 10 * me->number + n;
    if (me->number % 2 == 1) nap(0.01);
    (void)snprintf(key, sizeof key, "of/%d", me->number);
    if (put(me->world, key, mine, ((size_t)me->number + 1) * sizeof(int)) != SLUICE_OK)
        return sluice_last_error()->status;
    for (int r = 0; r < RANKS; r++) {
        (void)snprintf(key, sizeof key, "of/%d", r);
        const sluice_status status =
            get(me->world, other, ((size_t)r + 1) * sizeof(int), key, long_s);
        if (status != SLUICE_OK) return status;
        for (int n = 0; n <= r; n++)
            if (other[n] != 10 * r + n)
                return sluice_fail(SLUICE_E_ARGUMENT, "rank %d gave %d", r, other[n]);
    }
    return SLUICE_OK;
}

static void *tell(void *argument) {
    note(argument, tell_all(argument));
    return NULL;
}

static void blobs_go_to_all_ranks(void **state) {
    (void)state;
    sluice__world world;
    assert_ok(sluice__world_open(&world, RANKS));
    run(&world, NULL, tell);
    sluice__world_close(&world);
}

static void blobs_are_waited_for_in_vain(void **state) {
    (void)state;
    sluice__world world;
    const int64_t mine = 7;
    int64_t got        = 0;
    assert_ok(sluice__world_open(&world, 2));
    const double begin = sluice__now();
    assert_refused(get(&world, &got, sizeof got, "nobody's", 0.05), SLUICE_E_DEADLINE,
                   "no rank provided 'nobody's' within 0.05 s");
    const double seconds = sluice__now() - begin;
    if (seconds < 0.05 || seconds > 10) fail_msg("0.05 s took %g s", seconds);
    assert_ok(put(&world, "a", &mine, sizeof mine));
    assert_ok(put(&world, "empty", NULL, 0));
    assert_refused(get(&world, &got, 4, "a", long_s), SLUICE_E_ARGUMENT,
                   "the bootstrap's 'a' does not have 4 bytes");
    assert_int_equal(got, 0);
    assert_ok(get(&world, &got, sizeof got, "a", 0));
    assert_int_equal(got, 7);
    assert_ok(get(&world, NULL, 0, "empty", 0));
    sluice__world_close(&world);
}

/* ---- meetings ---- */

static atomic_int arrived;

/* No rank is a meeting ahead of another. */
static sluice_status meet_often(const rank *me) {
    const sluice__world *const world = me->world;
    for (int n = 0; n < ROUNDS; n++) {
        (void)atomic_fetch_add(&arrived, 1);
        const sluice_status status = world->bootstrap_ops->meet(world->bootstrap, long_s);
        if (status != SLUICE_OK) return status;
        const int now = atomic_load(&arrived);
        if (now < RANKS * (n + 1) || now >= RANKS * (n + 2))
            return sluice_fail(SLUICE_E_ARGUMENT, "%d have come to meeting %d", now, n);
    }
    return SLUICE_OK;
}

static void *meet(void *argument) {
    note(argument, meet_often(argument));
    return NULL;
}

static void meetings_are_of_all_ranks(void **state) {
    (void)state;
    sluice__world world;
    atomic_store(&arrived, 0);
    assert_ok(sluice__world_open(&world, RANKS));
    run(&world, NULL, meet);
    sluice__world_close(&world);
}

/* A rank that gave up and comes again counts once. */
static void a_missed_meeting_does_not_count(void **state) {
    (void)state;
    sluice__world world;
    assert_ok(sluice__world_open(&world, 2));
    for (int n = 0; n < 3; n++)
        assert_refused(world.bootstrap_ops->meet(world.bootstrap, 0.02), SLUICE_E_DEADLINE,
                       "the ranks did not all arrive within 0.02 s");
    sluice__world_close(&world);
}

/* ---- abort ---- */

static void *get_or_meet(void *argument) {
    rank *const me                   = argument;
    const sluice__world *const world = me->world;
    int64_t got;
    note(me, me->number == 0 ? get(world, &got, sizeof got, "late", long_s)
                             : world->bootstrap_ops->meet(world->bootstrap, long_s));
    return NULL;
}

static void an_abort_ends_waits(void **state) {
    (void)state;
    sluice__world world;
    pthread_t threads[RANKS];
    rank ranks[RANKS];
    assert_ok(sluice__world_open(&world, 3));
    for (int r = 0; r < 2; r++) ranks[r] = (rank){.world = &world, .number = r};
    const double begin = sluice__now();
    start(threads, ranks, 2, get_or_meet);
    nap(0.02);
    world.bootstrap_ops->abort(world.bootstrap);
    for (int r = 0; r < 2; r++) assert_int_equal(pthread_join(threads[r], NULL), 0);
    for (int r = 0; r < 2; r++)
        if (ranks[r].status != SLUICE_E_STOPPED ||
            strcmp(ranks[r].said, "another rank failed first") != 0)
            fail_msg("rank %d: %s: '%s'", r, sluice_status_name(ranks[r].status), ranks[r].said);
    assert_refused(world.bootstrap_ops->meet(world.bootstrap, long_s), SLUICE_E_STOPPED,
                   "another rank failed first");
    if (sluice__now() - begin > 10) fail_msg("it took %g s", sluice__now() - begin);
    sluice__world_close(&world);
}

/* ---- gathers through host memory ---- */

static const size_t sizes[RANKS] = {3, 0, 1, 2}; /* bytes */

/* Rank r gives as many bytes as `sizes` says, in two runs; the others read them. */
static sluice_status give_and_read(const rank *me, int round) {
    const unsigned char base = (unsigned char)(100 * round);
    unsigned char mine[3], all[6] = {0};
    static const unsigned char expected[6] = {0, 1, 2, 20, 30, 31};
    bool done                              = false;
    for (int n = 0; n < 3; n++) mine[n] = (unsigned char)(base + 10 * me->number + n);
    sluice__host_gather_post(me->gather, me->number, mine);
    const sluice_status status = sluice__host_gather_wait(me->gather, all, long_s, &done);
    if (status != SLUICE_OK || !done) return sluice_fail(SLUICE_E_DEADLINE, "it is not done");
    for (int n = 0; n < 6; n++)
        if (all[n] != base + expected[n])
            return sluice_fail(SLUICE_E_ARGUMENT, "byte %d of round %d is %d", n, round, all[n]);
    return SLUICE_OK;
}

static void *give_first(void *argument) {
    note(argument, give_and_read(argument, 0));
    return NULL;
}

static void *give_again(void *argument) {
    note(argument, give_and_read(argument, 1));
    return NULL;
}

static void gathers_hand_out_all_parts(void **state) {
    (void)state;
    sluice__host_gather *gather = NULL;
    unsigned char all[6];
    bool done = true;
    assert_ok(sluice__host_gather_open(&gather, sizes, RANKS));
    run(NULL, gather, give_first);
    sluice__host_gather_begin(gather);
    assert_ok(sluice__host_gather_wait(gather, all, 0.02, &done));
    assert_false(done);
    run(NULL, gather, give_again);
    sluice__host_gather_abort(gather);
    assert_ok(sluice__host_gather_wait(gather, all, 0, &done)); /* what is whole stays so */
    assert_true(done);
    sluice__host_gather_begin(gather);
    assert_refused(sluice__host_gather_wait(gather, all, long_s, &done), SLUICE_E_STOPPED,
                   "another rank failed first");
    assert_false(done);
    sluice__host_gather_close(gather);
    sluice__host_gather_close(NULL);
}

static void *wait_for_all(void *argument) {
    rank *const me = argument;
    unsigned char all[6];
    bool done = true;
    note(me, sluice__host_gather_wait(me->gather, all, long_s, &done));
    return NULL;
}

static void an_abort_ends_a_gather(void **state) {
    (void)state;
    sluice__host_gather *gather = NULL;
    pthread_t threads[RANKS];
    rank waits = {.number = 0};
    assert_ok(sluice__host_gather_open(&gather, sizes, RANKS));
    waits.gather       = gather;
    const double begin = sluice__now();
    start(threads, &waits, 1, wait_for_all);
    nap(0.02);
    sluice__host_gather_abort(gather);
    assert_int_equal(pthread_join(threads[0], NULL), 0);
    assert_int_equal(waits.status, SLUICE_E_STOPPED);
    if (sluice__now() - begin > 10) fail_msg("it took %g s", sluice__now() - begin);
    sluice__host_gather_close(gather);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_process_has_all_ranks),
        cmocka_unit_test(blobs_go_to_all_ranks),
        cmocka_unit_test(blobs_are_waited_for_in_vain),
        cmocka_unit_test(meetings_are_of_all_ranks),
        cmocka_unit_test(a_missed_meeting_does_not_count),
        cmocka_unit_test(an_abort_ends_waits),
        cmocka_unit_test(gathers_hand_out_all_parts),
        cmocka_unit_test(an_abort_ends_a_gather),
    };
    return cmocka_run_group_tests_name("world", tests, NULL, NULL);
}
