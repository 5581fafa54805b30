/* SPDX-License-Identifier: MIT */
/*
 * test_failing_devices.c -- devices that fail while they work: a kernel or a copy faults, which is
 * noticed later; a GPU is lost in mid-step; work never ends. Each ends soon, on every rank, with
 * one message, and everything is released; on a GPU that hangs, when it goes on.
 */
#include "call_census.h"

#include <stdatomic.h>
#include <time.h>

static const double deadline = 0.4, grace = 1, slack = 5; /* seconds */

static const scenario one_each    = {"a GPT on two GPUs", "1f1b", "cuda", true, 30, false};
static const scenario both_on_one = {"a GPT on one GPU", "zb1p", "cuda:1", true, 30, false};
static const scenario impatient   = {"a GPT in haste", "1f1b", "cuda", true, 0.4, false};
static const scenario elsewhere   = {"on another GPU", "1f1b", "cuda:2", true, 30, true};
static const scenario same_gpu    = {"on the same GPU", "1f1b", "cuda:0", true, 0.4, true};

static call_census whole[2]; /* for one_each, both_on_one */

static int run_without_failures(void **state) {
    (void)state;
    scenario_begin();
    scenario_settings.major = 8;       /* only the workspaces depend on it: they are small */
    census_take(&whole[0], &one_each); /* the GPUs meet, once: test_peers */
    census_take(&whole[0], &one_each);
    census_take(&whole[1], &both_on_one);
    return 0;
}

static int longer(int times) {
    return getenv("SLUICE_LONG") ? 10 * times : times;
}

/* ---- a case ---- */

static struct {
    const emu_site *site;
    scenario_phase phase;
    emu_fault fault;
    int nth, code;
    char words[192];
} injected;

static void inject_in_phase(scenario_phase phase) {
    if (phase == injected.phase)
        emu_inject(injected.site, injected.fault, injected.nth, injected.code);
}

static void describe(const char *name) {
    (void)snprintf(injected.words, sizeof injected.words, "%s, %s, %s %d, code %d", name,
                   scenario_phase_words[injected.phase],
                   injected.site->function ? injected.site->function : "work", injected.nth,
                   injected.code);
}

static const char *reason(int code) {
    switch (code) {
    case cudaErrorIllegalAddress:
        return "an illegal memory access was encountered \\(CUDA error 700, "
               "cudaErrorIllegalAddress\\)";
    case cudaErrorECCUncorrectable:
        return "uncorrectable ECC error encountered \\(CUDA error 214, "
               "cudaErrorECCUncorrectable\\)";
    default:
        return "unspecified launch failure \\(CUDA error 719, cudaErrorLaunchFailure\\)";
    }
}

static const int codes[] = {cudaErrorIllegalAddress, cudaErrorECCUncorrectable,
                            cudaErrorLaunchFailure};

/* A rank of the failed GPU, with the call or instruction that noticed it. */
static void expect_fault(const outcome *end, int rank) {
    char where[160], pattern[512];
    (void)snprintf(where, sizeof where,
                   "rank %d(, stage %d, %d([FBIW]|(SEND|RECV)_[FB])[0-9]|, [a-z][a-z0-9 -]*)?",
                   rank, rank, rank);
    (void)snprintf(pattern, sizeof pattern,
                   "%s: [a-zA-Z0-9 ']+: %s(; some parameters may be updated already)?", where,
                   reason(injected.code));
    if (end->failed_in != injected.phase)
        fail_msg("%s: '%s' fails", injected.words,
                 end->failed_in == SCENARIO_END ? "nothing" : scenario_phase_words[end->failed_in]);
    if (end->status != SLUICE_E_DEVICE || !test_matches(end->error.what, pattern))
        fail_msg("%s: %s: '%s', expected '%s'", injected.words, sluice_status_name(end->status),
                 end->error.what, pattern);
    if (end->seconds > 10 || end->free_seconds > 10)
        fail_msg("%s: it took %g s and %g s", injected.words, end->seconds, end->free_seconds);
    scenario_expect_nothing_left(injected.words);
}

/* ---- work that faults ---- */

/* Once in each phase (with a sanitizer in one of three), at any call that enqueues work in it. */
static int fault_at(const census_site *at, int n, uint64_t *random) {
    int cases = 0;
    for (int phase = 0; phase < SCENARIO_FREE; phase++) {
        const long calls = census_calls(at, phase);
        if (calls == 0 || (phase == SCENARIO_AGAIN && !getenv("SLUICE_LONG"))) continue;
        if (!test_picks(n + phase, 1, 3)) continue;
        injected.site  = &at->site;
        injected.phase = (scenario_phase)phase;
        injected.fault = EMU_FAULTS;
        injected.nth   = test_random_int(random, 1, (int)calls);
        injected.code  = codes[test_random_int(random, 0, 2)];
        describe(one_each.name);
        const outcome end = scenario_run(&one_each, inject_in_phase, injected.words);
        const int device  = emu_fired();
        if (device < 0) fail_msg("%s: nothing was enqueued", injected.words);
        expect_fault(&end, device);
        cases++;
    }
    return cases;
}

static void whatever_is_enqueued_may_fault(void **state) {
    (void)state;
    uint64_t random = test_seed();
    int cases       = 0;
    for (int n = 0; n < whole[0].count; n++)
        if (census_is_work(&whole[0].list[n].site))
            cases += fault_at(&whole[0].list[n], n, &random);
    print_message("%d kernels, products and copies faulted\n", cases);
    if (cases < (test_is_sanitized() ? 20 : 60)) fail_msg("only %d did", cases);
    census_expect_same(&whole[0], &one_each);
}

/* Kernels that run once in a certain action of each micro-batch. A failed GPU reports this at any
 * call: the message may name a later action, whose call was the first to report it, or an earlier
 * one, whose end had not been seen yet. */
static const struct {
    const char *kernel;
    int rank;
    char action;
} of_actions[] = {{"add_rows", 0, 'F'}, {"scatter", 0, 'B'}, {"lose_rows", 1, 'B'}};

static void a_fault_names_its_micro_batch(void **state) {
    (void)state;
    enum { ACTIONS = sizeof of_actions / sizeof *of_actions, MICROBATCHES = 3 };
    int named = 0;
    for (int k = 0; k < ACTIONS * MICROBATCHES; k++) {
        const emu_site site = {of_actions[k % ACTIONS].kernel, NULL, 0};
        const int rank = of_actions[k % ACTIONS].rank, microbatch = k / ACTIONS;
        char where[64];
        injected.site  = &site;
        injected.phase = SCENARIO_STEP;
        injected.fault = EMU_FAULTS;
        injected.nth   = microbatch + 1;
        injected.code  = codes[k % 3];
        describe(one_each.name);
        const outcome end = scenario_run(&one_each, inject_in_phase, injected.words);
        expect_fault(&end, rank);
        if (!strstr(end.error.what, "running on the GPU")) continue;
        (void)snprintf(where, sizeof where, "rank %d, stage %d, %d%c%d: running on the GPU: ", rank,
                       rank, rank, of_actions[k % ACTIONS].action, microbatch);
        named += strncmp(end.error.what, where, strlen(where)) == 0;
    }
    print_message("%d of %d name the very instruction\n", named, ACTIONS * MICROBATCHES);
    if (named < 3) fail_msg("only %d name the very instruction", named);
}

/* ---- a GPU that is lost ---- */

static long work_in(const call_census *of, int phase) {
    long work = 0;
    for (int n = 0; n < of->count; n++)
        if (census_is_work(&of->list[n].site)) work += census_calls(&of->list[n], phase);
    return work;
}

/* Which of two ranks on one GPU notices first depends on timing. */
static void lose(const scenario *s, const call_census *usual, uint64_t *random) {
    static const emu_site any = {NULL, NULL, 0};
    injected.site             = &any;
    injected.phase            = SCENARIO_STEP;
    injected.fault            = EMU_FAULTS;
    injected.nth              = test_random_int(random, 1, (int)work_in(usual, SCENARIO_STEP));
    injected.code             = codes[test_random_int(random, 0, 2)];
    describe(s->name);
    const outcome end = scenario_run(s, inject_in_phase, injected.words);
    const int device  = emu_fired();
    if (device < 0) fail_msg("%s: that much was not enqueued", injected.words);
    expect_fault(&end, s == &one_each ? device : strncmp(end.error.what, "rank 1", 6) == 0);
}

static void a_gpu_may_be_lost_at_any_work(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int k = 0; k < longer(12); k++) {
        lose(&one_each, &whole[0], &random);
        lose(&both_on_one, &whole[1], &random);
    }
    census_expect_same(&whole[0], &one_each);
    census_expect_same(&whole[1], &both_on_one);
}

static atomic_int loads_left;
static int lost;

static sluice_status lose_while_loading(void) {
    if (atomic_fetch_sub(&loads_left, 1) == 1) emu_break_device(lost, (cudaError_t)injected.code);
    return SLUICE_OK;
}

static void begin_to_lose(scenario_phase phase) {
    scenario_while_loading = phase == injected.phase ? lose_while_loading : NULL;
}

/* Whatever the ranks are doing when one of them loads a micro-batch. */
static void a_gpu_may_be_lost_while_the_host_is_busy(void **state) {
    (void)state;
    static const emu_site loading = {"loading", NULL, 0};
    uint64_t random               = test_seed();
    for (int k = 0; k < longer(12); k++) {
        injected.site  = &loading;
        injected.phase = test_random_int(&random, 0, 1) ? SCENARIO_STEP : SCENARIO_EVALUATE;
        injected.nth   = test_random_int(&random, 1, injected.phase == SCENARIO_STEP ? 6 : 4);
        injected.code  = codes[test_random_int(&random, 0, 2)];
        lost           = test_random_int(&random, 0, 1);
        atomic_store(&loads_left, injected.nth);
        describe(one_each.name);
        const outcome end = scenario_run(&one_each, begin_to_lose, injected.words);
        expect_fault(&end, lost);
    }
    census_expect_same(&whole[0], &one_each);
}

/* ---- work that never ends ---- */

static void expect_deadline(const outcome *end) {
    const char *const pattern =
        injected.phase == SCENARIO_READ || injected.phase == SCENARIO_WRITE
            ? "no rank finished anything for 0.4 s while parameters were copied: rank [01] is (not "
              ")?done; "
              "rank [01] is (not )?done"
        : injected.phase == SCENARIO_CREATE
            ? "(rank [01](, stage [01], [01][FBIW][0-9])?: )?no rank finished anything for 0.4 s( "
              "while the pipeline was opened)?: .*rank [01] .*"
            : "rank [01](, stage [01], [01]([FBIW]|(SEND|RECV)_[FB])[0-9]|, [a-z][a-z0-9 -]*)?: no "
              "rank finished anything for 0.4 s: rank [01] waits for .*; rank [01] .*";
    if (end->failed_in != injected.phase)
        fail_msg("%s: '%s' fails: %s", injected.words,
                 end->failed_in == SCENARIO_END ? "nothing" : scenario_phase_words[end->failed_in],
                 end->error.what);
    if (end->status != SLUICE_E_DEADLINE || !test_matches(end->error.what, pattern))
        fail_msg("%s: %s: '%s', expected '%s'", injected.words, sluice_status_name(end->status),
                 end->error.what, pattern);
    if (end->seconds > deadline + grace + slack) fail_msg("%s: %g s", injected.words, end->seconds);
    if (end->free_seconds > slack)
        fail_msg("%s: freeing took %g s", injected.words, end->free_seconds);
}

/* A pipeline on another GPU is not affected. */
static void expect_others_go_on(void) {
    const outcome well = scenario_run(&elsewhere, NULL, injected.words);
    if (well.failed_in != SCENARIO_END || well.digest != whole[0].end.digest)
        fail_msg("%s: on another GPU: %s", injected.words,
                 well.failed_in == SCENARIO_END ? "other bits" : well.error.what);
}

/* One on the same GPU may have to wait, and finishes. */
static outcome expect_same_gpu_ends(void) {
    scenario other = same_gpu;
    if (emu_fired() == 1) other.device = "cuda:1";
    const outcome end = scenario_run(&other, NULL, injected.words);
    if (end.status != SLUICE_OK && end.status != SLUICE_E_DEADLINE)
        fail_msg("%s: on the same GPU: %s", injected.words, end.error.what);
    if (end.seconds > deadline + grace + slack || end.free_seconds > deadline + grace + slack)
        fail_msg("%s: on the same GPU it took %g s and %g s", injected.words, end.seconds,
                 end.free_seconds);
    return end;
}

/* What was given up is released when the work ends after all. */
static void hang(const census_site *at, scenario_phase phase, int nth, bool same) {
    char left[256];
    outcome other  = {.model = NULL};
    injected.site  = &at->site;
    injected.phase = phase;
    injected.fault = EMU_HANGS;
    injected.nth   = nth;
    injected.code  = 0;
    describe(impatient.name);
    const outcome end = scenario_run(&impatient, inject_in_phase, injected.words);
    if (emu_fired() < 0) fail_msg("%s: nothing was enqueued", injected.words);
    expect_deadline(&end);
    if (scenario_nothing_is_left(0, left, sizeof left))
        fail_msg("%s: it is given back while it is in use", injected.words);
    expect_others_go_on();
    if (same) other = expect_same_gpu_ends();
    emu_release();
    if (!scenario_threads_end(slack)) fail_msg("%s: not all ranks come back", injected.words);
    sluice_model_free(end.model);
    sluice_model_free(other.model);
    scenario_expect_nothing_left(injected.words);
}

static void hang_somewhere(scenario_phase phase, int cases, uint64_t *random) {
    const call_census *const usual = &whole[0];
    for (int k = 0; k < cases;) {
        const census_site *const at = &usual->list[test_random_int(random, 0, usual->count - 1)];
        const long calls            = census_calls(at, (int)phase);
        if (!census_is_work(&at->site) || calls == 0) continue;
        const bool same = k == 0 && test_picks((int)phase - SCENARIO_STEP, 2, 3);
        hang(at, phase, test_random_int(random, 1, (int)calls), same);
        k++;
    }
}

static void work_may_never_end(void **state) {
    (void)state;
    uint64_t random = test_seed();
    hang_somewhere(SCENARIO_CREATE, longer(1), &random); /* seconds each, in which all else waits */
    hang_somewhere(SCENARIO_STEP, longer(test_is_sanitized() ? 1 : 3), &random);
    hang_somewhere(SCENARIO_EVALUATE, longer(1), &random);
    hang_somewhere(SCENARIO_READ, longer(1), &random);
    hang_somewhere(SCENARIO_WRITE, longer(1), &random);
    census_expect_same(&whole[0], &one_each);
}

/* ---- a rank that fails while another's copy into its memory hangs ---- */

/* These copies are made in evaluations only, neither before nor when parameters move. */
static const emu_site *between_ranks(void) {
    for (int n = 0; n < whole[0].count; n++) {
        const census_site *const at = &whole[0].list[n];
        if (strncmp(at->site.function, "cudaMemcpy", 10) == 0 &&
            census_calls(at, SCENARIO_EVALUATE) && !census_calls(at, SCENARIO_CREATE) &&
            !census_calls(at, SCENARIO_READ))
            return &at->site;
    }
    fail_msg("there are no copies between ranks");
    return NULL;
}

/* Its receives are posted, and the second of them hangs. */
static sluice_status fail_during_hang(void) {
    int device = 0;
    (void)cudaGetDevice(&device);
    if (device == 0) return SLUICE_OK;
    while (emu_fired() < 0) (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
    return sluice_fail(SLUICE_E_CALLBACK, "no data");
}

static void begin_to_fail_during_hang(scenario_phase phase) {
    inject_in_phase(phase);
    scenario_while_loading = phase == injected.phase ? fail_during_hang : NULL;
}

static void memory_that_a_copy_may_write_is_not_freed(void **state) {
    (void)state;
    static const scenario forwards = {"forwards first", "gpipe", "cuda", true, 0.4, false};
    injected.site                  = between_ranks();
    injected.phase                 = SCENARIO_STEP;
    injected.fault                 = EMU_HANGS;
    injected.nth                   = 2;
    injected.code                  = 0;
    describe(forwards.name);
    const outcome end = scenario_run(&forwards, begin_to_fail_during_hang, injected.words);
    if (end.status != SLUICE_E_CALLBACK ||
        strcmp(end.error.what,
               "rank 1, stage 1, 1F0: loading 'targets' of samples 0 to 1 failed: no data") != 0)
        fail_msg("%s: '%s'", injected.words, end.error.what);
    if (end.seconds > deadline + grace + slack) fail_msg("it took %g s", end.seconds);
    (void)nanosleep(&(struct timespec){0, 100000000}, NULL); /* closing frees the memory now */
    emu_release();
    if (!scenario_threads_end(slack)) fail_msg("%s: not all ranks come back", injected.words);
    scenario_expect_nothing_left(injected.words);
    census_expect_same(&whole[0], &one_each);
}

/* cuBLAS tells only that a GPU has failed, and leaves no error of CUDA's behind. */
static void a_product_on_a_lost_gpu_has_cudas_reason(void **state) {
    enum { BYTES = 4096 };
    (void)state;
    const sluice_device_ops *ops = NULL;
    sluice_device *device        = NULL;
    sluice_stream *stream        = NULL;
    void *memory                 = NULL;
    emu_restart(&scenario_settings);
    assert_ok(sluice_device_find(&ops, "cuda"));
    assert_ok(ops->open(&device, 0, 1, 0, false));
    assert_ok(ops->stream_create(&stream, device, SLUICE_STREAM_COMPUTE));
    assert_ok(ops->arena_alloc(&memory, device, BYTES));
    const sluice_matmul product = {.c       = memory,
                                   .a       = (float *)memory + 1,
                                   .b       = (float *)memory + 2,
                                   .rows    = 1,
                                   .columns = 1,
                                   .inner   = 1,
                                   .alpha   = 1};
    assert_ok(ops->operations(SLUICE_PRECISION_FP32)->matmul(stream, &product)); /* is chosen */
    emu_break_device(0, cudaErrorIllegalAddress);
    assert_refused(
        ops->operations(SLUICE_PRECISION_FP32)->matmul(stream, &product), SLUICE_E_DEVICE,
        "multiplying matrices: an illegal memory access was encountered (CUDA error 700, "
        "cudaErrorIllegalAddress)");
    ops->arena_free(device, memory, BYTES);
    ops->stream_destroy(stream);
    ops->close(device);
    scenario_expect_nothing_left("a product on a lost GPU");
}

/* test_failing_devices faults|hangs: devices that fail, or whose time counts: those that hang. */
int main(int argc, char **argv) {
    const struct CMUnitTest faults[] = {
        cmocka_unit_test(whatever_is_enqueued_may_fault),
        cmocka_unit_test(a_gpu_may_be_lost_at_any_work),
        cmocka_unit_test(a_gpu_may_be_lost_while_the_host_is_busy),
        cmocka_unit_test(a_product_on_a_lost_gpu_has_cudas_reason),
    };
    const struct CMUnitTest hangs[] = {
        cmocka_unit_test(a_fault_names_its_micro_batch),
        cmocka_unit_test(memory_that_a_copy_may_write_is_not_freed),
        cmocka_unit_test(work_may_never_end),
    };
    if (argc != 2 || (strcmp(argv[1], "faults") != 0 && strcmp(argv[1], "hangs") != 0)) return 2;
    if (strcmp(argv[1], "faults") == 0)
        return cmocka_run_group_tests(faults, run_without_failures, NULL);
    return cmocka_run_group_tests(hangs, run_without_failures, NULL);
}
