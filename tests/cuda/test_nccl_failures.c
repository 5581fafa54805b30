/* SPDX-License-Identifier: MIT */
/*
 * test_nccl_failures.c -- if an NCCL call fails, a partner is lost or a wait does not end, every
 * rank stops in time, one message says why, and nothing is left behind.
 */
#include "stack.h"

#include "tests/support/rank_threads.h"

#include <stdatomic.h>
#include <time.h>

#include <nccl.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/device/plugin.h"

enum { RANKS = 4 };

/* ---- one training that fails ---- */

static const stack usual = {"1f1b", "nccl", NULL, RANKS, 6, 6, 0, 0, 60, NULL, NULL};

/* Open a pipeline, run a step and an evaluation; returns the first failure, with its message in
 * this thread. Everything is freed in any case. */
static const char
    *counted; /* a function of NCCL, and how often it was called before the pipeline was closed */
static long count;

static sluice_status train_once(const stack *with, bool inputs) {
    sluice_model *model       = stack_model();
    sluice_pipeline *pipeline = NULL;
    sluice_result result;
    double held_out          = 0;
    int64_t n                = inputs ? 0 : -1;
    sluice_status status     = stack_create(&pipeline, with, model);
    const sluice_batch batch = stack_batch(with->samples, &n);
    if (status == SLUICE_OK) status = sluice_pipeline_step(&result, pipeline, &batch);
    if (status == SLUICE_OK) status = sluice_pipeline_evaluate(&held_out, pipeline, &batch);
    const sluice_error error = *sluice_last_error();
    if (counted) count = emu_calls(counted);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    return status == SLUICE_OK ? status : sluice__fail_again(&error);
}

static void expect_nothing_left(void) {
    char left[256];
    if (emu_left(left, sizeof left)[0] != '\0') fail_msg("left: %s", left);
    stack_devices(RANKS, 1, true);
}

/* ---- calls that fail ---- */

static const struct call {
    const char *function, *says;
} calls[] = {
    {"ncclGetUniqueId", "rank [0-3]: creating a communicator's id: NCCL says '.*' \\(injected\\)"},
    {"ncclCommInitRankConfig",
     "rank [0-3]: joining (ranks [0-3] and [0-3]|all ranks): NCCL says '.*' \\(injected\\)"},
    {"ncclCommGetAsyncError", "rank [0-3].*: .*: NCCL says '.*' \\(injected\\)"},
    {"ncclGroupStart",
     "rank [0-3].*: (warming up the transfers between ranks [0-3] and [0-3]|beginning "
     "a group): NCCL says '.*' \\(injected\\)"},
    {"ncclGroupEnd",
     "rank [0-3].*: (warming up the transfers between ranks [0-3] and [0-3]|issuing a "
     "group): NCCL says '.*' \\(injected\\)"},
    {"ncclSend",
     "rank [0-3].*: (warming up the transfers between ranks [0-3] and [0-3]|sending [0-9]+ "
     "bytes to rank [0-3]): NCCL says '.*' \\(injected\\)"},
    {"ncclRecv", "rank [0-3].*: (warming up the transfers between ranks [0-3] and [0-3]|receiving "
                 "[0-9]+ bytes from rank [0-3]): NCCL says '.*' \\(injected\\)"},
    {"ncclAllGather",
     "rank [0-3].*: gathering the parts of the norm: NCCL says '.*' \\(injected\\)"},
};

/* Number of calls of `function` in a training. */
static long count_calls(const char *function) {
    stack_devices(RANKS, 1, true);
    counted = function;
    assert_ok(train_once(&usual, true));
    return count;
}

static int failed;

static void fail_at(const struct call *call, int nth, uint64_t seed) {
    stack_devices(RANKS, seed, seed % 2 == 0);
    emu_fail_call(call->function, nth, ncclSystemError);
    const double start         = sluice__now();
    const sluice_status status = train_once(&usual, true);
    emu_fail_call("nothing", 1, 0);
    if (count < nth) { /* how often it is polled depends on timing */
        expect_nothing_left();
        return;
    }
    failed++;
    char pattern[256]; /* one rank may have reached its update, and another not */
    (void)snprintf(pattern, sizeof pattern, "%s(; some parameters may be updated already)?",
                   call->says);
    if (status != SLUICE_E_DEVICE || !test_matches(sluice_last_error()->what, pattern))
        fail_msg("%s fails at call %d: %s: '%s'", call->function, nth, sluice_status_name(status),
                 status == SLUICE_OK ? "" : sluice_last_error()->what);
    if (sluice__now() - start > 20) fail_msg("%s at call %d: not in time", call->function, nth);
    expect_nothing_left();
}

/* The first call and the last ones, and some between. SLUICE_LONG=1: every one. */
static void every_call_may_fail(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        const int all  = (int)count_calls(calls[c].function);
        const int step = getenv("SLUICE_LONG") ? 1 : all / 5 + 1;
        failed         = 0;
        for (int nth = 1; nth <= all; nth += test_random_int(&random, 1, 2 * step - 1))
            fail_at(&calls[c], nth, test_random(&random) % 1000);
        if (failed < 1)
            fail_msg("%s, called %d times, failed %d times", calls[c].function, all, failed);
    }
    counted = NULL;
}

/* A failure when the pipeline is closed has no effect: everything it owned is freed. */
static void finalizing_may_fail(void **state) {
    (void)state;
    for (int nth = 1; nth <= 5; nth++) {
        stack_devices(RANKS, (uint64_t)nth, nth % 2 == 0);
        emu_fail_call("ncclCommFinalize", nth, ncclSystemError);
        sluice_model *model       = stack_model();
        sluice_pipeline *pipeline = NULL;
        stack with                = usual;
        with.deadline             = 0.5;
        assert_ok(stack_create(&pipeline, &with, model));
        const double start = sluice__now();
        sluice_pipeline_close(pipeline);
        sluice_model_free(model);
        if (sluice__now() - start > 20) fail_msg("ncclCommFinalize %d: not in time", nth);
        expect_nothing_left();
    }
}

/* ---- partners that are gone, late or stuck ---- */

static struct {
    sluice_instruction_kind kind; /* where it happens: the rank's first of this kind */
    int rank;
    atomic_bool happened, released;
} accident;

static void set_accident(int rank, sluice_instruction_kind kind) {
    accident.rank = rank;
    accident.kind = kind;
    atomic_store(&accident.happened, false);
    atomic_store(&accident.released, false);
}

static bool happens(const sluice__rank *rank, const sluice_instruction *at) {
    return rank->index == accident.rank && at->kind == accident.kind &&
           !atomic_exchange(&accident.happened, true);
}

static void lose(sluice__rank *rank, const sluice_instruction *at) {
    if (happens(rank, at))
        emu_lose_communicators(rank->pipeline->ordinals[rank->index], ncclRemoteError);
}

static void stick(sluice__rank *rank, const sluice_instruction *at) {
    if (!happens(rank, at)) return;
    while (!atomic_load(&accident.released)) nanosleep(&(struct timespec){0, 1000000}, NULL);
}

static const sluice_instruction_kind kinds[] = {
    SLUICE_INSTRUCTION_FORWARD, SLUICE_INSTRUCTION_BACKWARD, SLUICE_INSTRUCTION_POST_SEND,
    SLUICE_INSTRUCTION_WAIT, SLUICE_INSTRUCTION_NORM};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void a_partner_that_dies_is_named(void **state) {
    (void)state;
    for (int trial = 0; trial < 2 * KINDS; trial++) {
        stack with = usual;
        with.watch = lose;
        stack_devices(RANKS, (uint64_t)trial + 1, trial % 2 == 0);
        set_accident(trial % RANKS, kinds[trial / 2]);
        const double start         = sluice__now();
        const sluice_status status = train_once(&with, true);
        const char *const says =
            "rank [0-3].*: (transfers between ranks [0-3] and [0-3]|gathering "
            "among all ranks|.*): NCCL says 'remote process exited or there was a "
            "network error'.*";
        if (status != SLUICE_E_DEVICE || !test_matches(sluice_last_error()->what, says))
            fail_msg("rank %d is gone at its first %s: %s: '%s'", accident.rank,
                     sluice_instruction_name(accident.kind), sluice_status_name(status),
                     status == SLUICE_OK ? "" : sluice_last_error()->what);
        if (sluice__now() - start > 20) fail_msg("trial %d: not in time", trial);
        expect_nothing_left();
    }
}

/* Kernels wait on their GPUs for a rank whose host is stuck: the others see the deadline pass, and
 * free their GPUs without it. */
static void a_stuck_rank_is_given_up(void **state) {
    (void)state;
    for (int trial = 0; trial < 3; trial++) {
        stack with    = usual;
        with.watch    = stick;
        with.deadline = 0.3;
        stack_devices(RANKS, (uint64_t)trial + 1, trial % 2 == 0);
        set_accident(trial, SLUICE_INSTRUCTION_FORWARD);
        sluice_model *model       = stack_model();
        sluice_pipeline *pipeline = NULL;
        sluice_result result;
        int64_t n = 0;
        assert_ok(stack_create(&pipeline, &with, model));
        const sluice_batch batch   = stack_batch(with.samples, &n);
        const double start         = sluice__now();
        const sluice_status status = sluice_pipeline_step(&result, pipeline, &batch);
        char where[64];
        (void)snprintf(where, sizeof where, "rank %d is at %dF0", trial, trial);
        const char *const what = sluice_last_error()->what;
        if (status != SLUICE_E_DEADLINE || !strstr(what, "no rank finished anything for 0.3 s") ||
            !strstr(what, where) || !strstr(what, "waits for "))
            fail_msg("rank %d is stuck: %s: '%s'", trial, sluice_status_name(status), what);
        if (sluice__now() - start > 10) fail_msg("trial %d: not in time", trial);
        sluice_pipeline_close(pipeline);
        atomic_store(&accident.released, true); /* it returns, and frees what is left */
        for (int k = 0; k < 200 && emu_communicators() > 0; k++)
            nanosleep(&(struct timespec){0, 10000000}, NULL);
        nanosleep(&(struct timespec){0, 200000000}, NULL);
        sluice_model_free(model);
        expect_nothing_left();
    }
}

/* The case that the verifier prevents: each rank in its own order, ungrouped, as over links. On
 * every GPU a kernel waits for a partner whose GPU runs another one. */
static void kernels_that_never_meet_are_given_up(void **state) {
    (void)state;
    static sluice__transport_ops unordered;
    const sluice__transport_ops *nccl = NULL;
    assert_ok(sluice__plugin_transport(&nccl, "cuda", "nccl"));
    unordered           = *nccl;
    unordered.one_queue = false;
    for (int trial = 0; trial < 4; trial++) {
        stack with    = usual;
        with.instead  = &unordered;
        with.deadline = 0.3;
        stack_devices(RANKS, (uint64_t)trial + 1, trial % 2 == 0);
        const double start         = sluice__now();
        const sluice_status status = train_once(&with, true);
        if (status != SLUICE_E_DEADLINE ||
            !test_matches(sluice_last_error()->what,
                          "rank [0-3].*: no rank finished anything for 0.3 s: rank [0-3] waits for "
                          "[0-3](RECV|SEND)_[FB][0-5]; .*"))
            fail_msg("in its own order: %s: '%s'", sluice_status_name(status),
                     status == SLUICE_OK ? "" : sluice_last_error()->what);
        if (sluice__now() - start > 10) fail_msg("trial %d: not in time", trial);
        expect_nothing_left();
    }
}

/* A rank that fails releases the others at once, in the middle of their transfers. */
static void a_failing_rank_stops_the_others(void **state) {
    (void)state;
    for (int trial = 0; trial < 6; trial++) {
        stack with    = usual;
        with.schedule = trial % 2 ? "gpipe" : "zbv";
        stack_devices(RANKS, (uint64_t)trial + 1, trial % 3 == 0);
        const double start         = sluice__now();
        const sluice_status status = train_once(&with, false);
        if (status != SLUICE_E_CALLBACK ||
            strcmp(sluice_last_error()->what,
                   "rank 0, stage 0, 0F0: loading 'inputs' of samples 0 to 0 failed: "
                   "the cat sat on the file") != 0)
            fail_msg("no inputs: %s: '%s'", sluice_status_name(status), sluice_last_error()->what);
        if (sluice__now() - start > 20) fail_msg("trial %d: not in time", trial);
        expect_nothing_left();
    }
}

/* A device that breaks under its kernels. */
static void a_device_that_breaks_is_named(void **state) {
    (void)state;
    for (int nth = 1; nth <= 3; nth++) {
        stack_devices(RANKS, (uint64_t)nth, nth % 2 == 0);
        const int matmuls = (int)count_calls("cublasLtMatmul");
        stack_devices(RANKS, (uint64_t)nth, nth % 2 == 0);
        emu_fail_call("cublasLtMatmul", matmuls / 2 + 3 * nth,
                      13 /* CUBLAS_STATUS_EXECUTION_FAILED */);
        const sluice_status status = train_once(&usual, true);
        emu_fail_call("nothing", 1, 0);
        if (status != SLUICE_E_DEVICE || !strstr(sluice_last_error()->what, "cuBLAS"))
            fail_msg("a product fails: %s: '%s'", sluice_status_name(status),
                     status == SLUICE_OK ? "" : sluice_last_error()->what);
        expect_nothing_left();
    }
}

/* ---- one pair of several ---- */

static const sluice__channel chain[] = {{0, 1, 0, 1, 0, 0}, {1, 2, 0, 1, 0, 0}, {2, 3, 0, 1, 0, 0}};

/* Rank 3 waits for a transfer that never comes, and rank 2 only looks. The broken pair is the last
 * of three, the first of which is not theirs. */
static void see_the_last_pair(rank_thread *me) {
    static const char says[] = "transfers between ranks 2 and 3: NCCL says 'remote process exited "
                               "or there was a network error' (a peer is gone)";
    bool over                = false;
    if (me->rank == 3) check_ok(me, rank_receive(me, 2, 0, 0, 1));
    check_ok(me, rank_meet(me));
    if (me->rank == 0) emu_lose_pair(2, 3, ncclRemoteError);
    check_ok(me, rank_meet(me));
    const sluice__transfer_end end = rank_received(me, 2, 0, 0);
    if (me->rank == 3) check_refused(me, rank_wait(me, &end, 5, &over), SLUICE_E_DEVICE, says);
    if (me->rank == 2)
        check_refused(me, me->ops->poll(me->transport, me->rank), SLUICE_E_DEVICE, says);
    if (me->rank < 2) check_ok(me, me->ops->poll(me->transport, me->rank));
    check_ok(me, rank_meet(me));
}

static void an_error_of_the_last_pair_is_seen(void **state) {
    (void)state;
    static const rank_setup setup = {.ranks = RANKS, .channels = chain, .count = 3};
    for (int lazy = 0; lazy < 2; lazy++) {
        rank_kind kind = {0};
        char said[1024];
        stack_devices(RANKS, 1, lazy);
        assert_ok(sluice__plugin_transport(&kind.ops, "cuda", "nccl"));
        assert_ok(sluice_device_find(&kind.device, "cuda"));
        if (!rank_threads_run(said, sizeof said, &kind, &setup, see_the_last_pair))
            fail_msg("transfers between ranks 2 and 3 fail: %s", said);
        expect_nothing_left();
    }
}

/* ---- what is refused ---- */

static sluice_status try_it(const char *device, const char *transport, int ranks, int each) {
    sluice_model *model        = stack_model();
    sluice_pipeline *pipeline  = NULL;
    const stack with           = {"1f1b", transport, device, ranks, 4, 4, 0, each, 0, NULL, NULL};
    const sluice_status status = stack_create(&pipeline, &with, model);
    const sluice_error error   = *sluice_last_error();
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    return status == SLUICE_OK ? status : sluice__fail_again(&error);
}

static void expect_hint(const char *text) {
    if (strcmp(sluice_last_error()->hint, text) != 0)
        fail_msg("the hint is '%s', not '%s'", sluice_last_error()->hint, text);
}

static void impossible_settings_are_refused(void **state) {
    (void)state;
    stack_devices(2, 1, true);
    assert_refused(try_it("cpu", "nccl", 2, 0), SLUICE_E_ARGUMENT,
                   "transport nccl joins devices of kind cuda, and the device is cpu");
    expect_hint("use --device cuda, or --transport local");
    assert_refused(try_it("cuda", "carrier pigeons", 2, 0), SLUICE_E_ARGUMENT,
                   "no transport is called 'carrier pigeons'");
    expect_hint("choose one of: auto local host nccl");
    assert_refused(try_it("cuda", "nccl", 4, 2), SLUICE_E_ARGUMENT,
                   "ranks 0 and 1 share cuda:0, and transport nccl takes one rank per device");
    expect_hint("use --transport local, or a device for each rank");
    assert_refused(try_it("cuda", "nccl", 4, 0), SLUICE_E_ARGUMENT,
                   "ranks 0 and 1 share cuda:0, and transport nccl takes one rank per device");
    assert_ok(try_it("cuda", "auto", 4, 0));
    assert_ok(try_it("cuda", NULL, 4, 0));
}

/* Memory for communicators is kept free of arenas. */
static void memory_is_reserved_for_communicators(void **state) {
    (void)state;
    emu_settings settings = emu_settings_now();
    stack_devices(4, 1, true);
    settings.devices = 4;
    settings.memory_mib =
        750; /* 560 for the context and one rank, 64 to gather, 64 for each pair */
    emu_restart(&settings);
    assert_ok(try_it("cuda", "local", 4, 0));
    assert_int_equal(try_it("cuda", "nccl", 4, 0), SLUICE_E_DEVICE_MEMORY);
    if (!strstr(sluice_last_error()->what,
                "and a reserve of 752.00 MiB, and it has 750.00 MiB available"))
        fail_msg("'%s'", sluice_last_error()->what);
    settings.memory_mib = 8192;
    emu_restart(&settings);
}

/* test_nccl_failures calls|waits: calls that fail at once, or ranks and devices that others wait
 * for. */
int main(int argc, char **argv) {
    const struct CMUnitTest calls_fail[]  = {cmocka_unit_test(every_call_may_fail)};
    const struct CMUnitTest others_wait[] = {
        cmocka_unit_test(finalizing_may_fail),
        cmocka_unit_test(a_partner_that_dies_is_named),
        cmocka_unit_test(an_error_of_the_last_pair_is_seen),
        cmocka_unit_test(a_stuck_rank_is_given_up),
        cmocka_unit_test(kernels_that_never_meet_are_given_up),
        cmocka_unit_test(a_failing_rank_stops_the_others),
        cmocka_unit_test(a_device_that_breaks_is_named),
        cmocka_unit_test(impossible_settings_are_refused),
        cmocka_unit_test(memory_is_reserved_for_communicators),
    };
    if (argc != 2 || (strcmp(argv[1], "calls") != 0 && strcmp(argv[1], "waits") != 0)) return 2;
    if (strcmp(argv[1], "calls") == 0)
        return cmocka_run_group_tests_name("calls of nccl", calls_fail, NULL, NULL);
    return cmocka_run_group_tests_name("nccl failures", others_wait, NULL, NULL);
}
