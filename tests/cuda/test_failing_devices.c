/* SPDX-License-Identifier: MIT */
/*
 * test_failing_devices.c -- devices that fail while they work: a kernel or a copy faults, which is
 * found out later; a GPU is lost in mid-step; work that never ends. Each ends soon, on every rank,
 * in a sentence, and everything is given back: by a GPU that hangs when it goes on.
 */
#include "life.h"

#include <stdatomic.h>
#include <time.h>

static const double deadline = 0.4, grace = 1, slack = 5; /* seconds */

static const story one_each    = {"a GPT on two GPUs", "1f1b", "cuda", true, 30, false};
static const story both_on_one = {"a GPT on one GPU", "zb1p", "cuda:1", true, 30, false};
static const story impatient   = {"a GPT in haste", "1f1b", "cuda", true, 0.4, false};
static const story elsewhere   = {"beside it", "1f1b", "cuda:2", true, 30, true};
static const story same_gpu    = {"on the same GPU", "1f1b", "cuda:0", true, 0.4, true};

static life whole[2]; /* of one_each, both_on_one */

static int tell_without_failures(void **state) {
    (void)state;
    story_begin();
    story_settings.major = 8; /* of all that, only the workspaces depend on it: they are small */
    life_tell(&whole[0], &one_each);
    life_tell(&whole[1], &both_on_one);
    return 0;
}

static int longer(int times) {
    return getenv("SLUICE_LONG") ? 10 * times : times;
}

/* ---- a case ---- */

static struct {
    const emu_site *site;
    story_phase phase;
    emu_blow blow;
    int nth, code;
    char words[192];
} strike;

static void strike_in_phase(story_phase phase) {
    if (phase == strike.phase) emu_strike(strike.site, strike.blow, strike.nth, strike.code);
}

static void describe(const char *name) {
    (void)snprintf(strike.words, sizeof strike.words, "%s, %s, %s %d, code %d", name,
                   story_phase_words[strike.phase],
                   strike.site->function ? strike.site->function : "work", strike.nth, strike.code);
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

/* A rank of the GPU that failed, at what it found that by. */
static void expect_fault(const ending *end, int rank) {
    char place[160], pattern[512];
    (void)snprintf(place, sizeof place,
                   "rank %d(, stage %d, %d([FBIW]|(SEND|RECV)_[FB])[0-9]|, [a-z][a-z0-9 -]*)?",
                   rank, rank, rank);
    (void)snprintf(pattern, sizeof pattern,
                   "%s: [a-zA-Z0-9 ']+: %s(; some parameters may be updated already)?", place,
                   reason(strike.code));
    if (end->failed_in != strike.phase)
        fail_msg("%s: '%s' fails", strike.words,
                 end->failed_in == STORY_END ? "nothing" : story_phase_words[end->failed_in]);
    if (end->status != SLUICE_E_DEVICE || !test_matches(end->error.what, pattern))
        fail_msg("%s: %s: '%s', expected '%s'", strike.words, sluice_status_name(end->status),
                 end->error.what, pattern);
    if (end->seconds > 10 || end->free_seconds > 10)
        fail_msg("%s: it took %g s and %g s", strike.words, end->seconds, end->free_seconds);
    story_expect_nothing_left(strike.words);
}

/* ---- work that faults ---- */

/* Once in each phase, at whatever place enqueues work there. */
static int fault_at(const life_place *at, uint64_t *random) {
    int cases = 0;
    for (int phase = 0; phase < STORY_FREE; phase++) {
        const long calls = life_calls(at, phase);
        if (calls == 0 || (phase == STORY_AGAIN && !getenv("SLUICE_LONG"))) continue;
        strike.site  = &at->site;
        strike.phase = (story_phase)phase;
        strike.blow  = EMU_FAULTS;
        strike.nth   = test_random_int(random, 1, (int)calls);
        strike.code  = codes[test_random_int(random, 0, 2)];
        describe(one_each.name);
        const ending end = story_tell(&one_each, strike_in_phase, strike.words);
        const int device = emu_struck();
        if (device < 0) fail_msg("%s: nothing was enqueued", strike.words);
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
        if (life_is_work(&whole[0].list[n].site)) cases += fault_at(&whole[0].list[n], &random);
    print_message("%d kernels, products and copies faulted\n", cases);
    if (cases < 60) fail_msg("only %d did", cases);
    life_expect_same(&whole[0], &one_each);
}

/* Kernels that run once in a certain action of each micro-batch. A GPU that failed says so to any
 * call: where a later one is the first to be told, that one is named, and where the end of an
 * earlier instruction was not yet seen, that one is. */
static const struct {
    const char *kernel;
    int rank;
    char action;
} of_actions[] = {{"add_rows", 0, 'F'}, {"scatter", 0, 'B'}, {"lose_rows", 1, 'B'}};

static void the_micro_batch_is_named(void **state) {
    (void)state;
    enum { ACTIONS = sizeof of_actions / sizeof *of_actions, MICROBATCHES = 3 };
    int named = 0;
    for (int k = 0; k < ACTIONS * MICROBATCHES; k++) {
        const emu_site site = {of_actions[k % ACTIONS].kernel, NULL, 0};
        const int rank = of_actions[k % ACTIONS].rank, microbatch = k / ACTIONS;
        char where[64];
        strike.site  = &site;
        strike.phase = STORY_STEP;
        strike.blow  = EMU_FAULTS;
        strike.nth   = microbatch + 1;
        strike.code  = codes[k % 3];
        describe(one_each.name);
        const ending end = story_tell(&one_each, strike_in_phase, strike.words);
        expect_fault(&end, rank);
        if (!strstr(end.error.what, "running on the GPU")) continue;
        (void)snprintf(where, sizeof where, "rank %d, stage %d, %d%c%d: running on the GPU: ", rank,
                       rank, rank, of_actions[k % ACTIONS].action, microbatch);
        named += strncmp(end.error.what, where, strlen(where)) == 0;
    }
    print_message("%d of %d told of the very instruction\n", named, ACTIONS * MICROBATCHES);
    if (named < 3) fail_msg("only %d are told of the very instruction", named);
}

/* ---- a GPU that is lost ---- */

static long work_in(const life *of, int phase) {
    long work = 0;
    for (int n = 0; n < of->count; n++)
        if (life_is_work(&of->list[n].site)) work += life_calls(&of->list[n], phase);
    return work;
}

/* Which of two ranks on one GPU finds out first is a matter of time. */
static void lose(const story *s, const life *usual, uint64_t *random) {
    static const emu_site any = {NULL, NULL, 0};
    strike.site               = &any;
    strike.phase              = STORY_STEP;
    strike.blow               = EMU_FAULTS;
    strike.nth                = test_random_int(random, 1, (int)work_in(usual, STORY_STEP));
    strike.code               = codes[test_random_int(random, 0, 2)];
    describe(s->name);
    const ending end = story_tell(s, strike_in_phase, strike.words);
    const int device = emu_struck();
    if (device < 0) fail_msg("%s: that much was not enqueued", strike.words);
    expect_fault(&end, s == &one_each ? device : strncmp(end.error.what, "rank 1", 6) == 0);
}

static void a_gpu_may_be_lost_at_any_work(void **state) {
    (void)state;
    uint64_t random = test_seed();
    for (int k = 0; k < longer(12); k++) {
        lose(&one_each, &whole[0], &random);
        lose(&both_on_one, &whole[1], &random);
    }
    life_expect_same(&whole[0], &one_each);
    life_expect_same(&whole[1], &both_on_one);
}

static atomic_int loads_left;
static int lost;

static sluice_status lose_while_loading(void) {
    if (atomic_fetch_sub(&loads_left, 1) == 1) emu_break_device(lost, (cudaError_t)strike.code);
    return SLUICE_OK;
}

static void begin_to_lose(story_phase phase) {
    story_while_loading = phase == strike.phase ? lose_while_loading : NULL;
}

/* Whatever the ranks are at when one of them loads a micro-batch. */
static void a_gpu_may_be_lost_while_the_host_is_busy(void **state) {
    (void)state;
    static const emu_site loading = {"loading", NULL, 0};
    uint64_t random               = test_seed();
    for (int k = 0; k < longer(12); k++) {
        strike.site  = &loading;
        strike.phase = test_random_int(&random, 0, 1) ? STORY_STEP : STORY_EVALUATE;
        strike.nth   = test_random_int(&random, 1, strike.phase == STORY_STEP ? 6 : 4);
        strike.code  = codes[test_random_int(&random, 0, 2)];
        lost         = test_random_int(&random, 0, 1);
        atomic_store(&loads_left, strike.nth);
        describe(one_each.name);
        const ending end = story_tell(&one_each, begin_to_lose, strike.words);
        expect_fault(&end, lost);
    }
    life_expect_same(&whole[0], &one_each);
}

/* ---- work that never ends ---- */

static void expect_deadline(const ending *end) {
    const char *const pattern =
        strike.phase == STORY_READ || strike.phase == STORY_WRITE
            ? "no rank finished anything for 0.4 s while parameters moved: rank [01] is (not "
              ")?done; "
              "rank [01] is (not )?done"
        : strike.phase == STORY_CREATE
            ? "(rank [01](, stage [01], [01][FBIW][0-9])?: )?no rank finished anything for 0.4 s( "
              "while it was made)?: .*rank [01] .*"
            : "rank [01](, stage [01], [01]([FBIW]|(SEND|RECV)_[FB])[0-9]|, [a-z][a-z0-9 -]*)?: no "
              "rank finished anything for 0.4 s: rank [01] waits for .*; rank [01] .*";
    if (end->failed_in != strike.phase)
        fail_msg("%s: '%s' fails: %s", strike.words,
                 end->failed_in == STORY_END ? "nothing" : story_phase_words[end->failed_in],
                 end->error.what);
    if (end->status != SLUICE_E_DEADLINE || !test_matches(end->error.what, pattern))
        fail_msg("%s: %s: '%s', expected '%s'", strike.words, sluice_status_name(end->status),
                 end->error.what, pattern);
    if (end->seconds > deadline + grace + slack) fail_msg("%s: %g s", strike.words, end->seconds);
    if (end->free_seconds > slack)
        fail_msg("%s: freeing took %g s", strike.words, end->free_seconds);
}

/* A pipeline on another GPU does not care. */
static void expect_life_goes_on(void) {
    const ending well = story_tell(&elsewhere, NULL, strike.words);
    if (well.failed_in != STORY_END || well.digest != whole[0].end.digest)
        fail_msg("%s: on another GPU: %s", strike.words,
                 well.failed_in == STORY_END ? "other bits" : well.error.what);
}

/* One on the same GPU may have to wait for it, and comes to its end. */
static ending expect_same_gpu_ends(void) {
    story other = same_gpu;
    if (emu_struck() == 1) other.device = "cuda:1";
    const ending end = story_tell(&other, NULL, strike.words);
    if (end.status != SLUICE_OK && end.status != SLUICE_E_DEADLINE)
        fail_msg("%s: on the same GPU: %s", strike.words, end.error.what);
    if (end.seconds > deadline + grace + slack || end.free_seconds > deadline + grace + slack)
        fail_msg("%s: on the same GPU it took %g s and %g s", strike.words, end.seconds,
                 end.free_seconds);
    return end;
}

/* What was given up is given back when the work ends after all. */
static void hang(const life_place *at, story_phase phase, int nth, bool same) {
    char left[256];
    ending other = {.model = NULL};
    strike.site  = &at->site;
    strike.phase = phase;
    strike.blow  = EMU_HANGS;
    strike.nth   = nth;
    strike.code  = 0;
    describe(impatient.name);
    const ending end = story_tell(&impatient, strike_in_phase, strike.words);
    if (emu_struck() < 0) fail_msg("%s: nothing was enqueued", strike.words);
    expect_deadline(&end);
    if (story_is_nothing_left(0, left, sizeof left))
        fail_msg("%s: it is given back while it is in use", strike.words);
    expect_life_goes_on();
    if (same) other = expect_same_gpu_ends();
    emu_release();
    if (!story_all_come_back(slack)) fail_msg("%s: not all ranks come back", strike.words);
    sluice_model_free(end.model);
    sluice_model_free(other.model);
    story_expect_nothing_left(strike.words);
}

static void hang_somewhere(story_phase phase, int cases, uint64_t *random) {
    const life *const usual = &whole[0];
    for (int k = 0; k < cases;) {
        const life_place *const at = &usual->list[test_random_int(random, 0, usual->count - 1)];
        const long calls           = life_calls(at, (int)phase);
        if (!life_is_work(&at->site) || calls == 0) continue;
        hang(at, phase, test_random_int(random, 1, (int)calls), k == 0);
        k++;
    }
}

static void work_may_never_end(void **state) {
    (void)state;
    uint64_t random = test_seed();
    hang_somewhere(STORY_CREATE, longer(2), &random);
    hang_somewhere(STORY_STEP, longer(4), &random);
    hang_somewhere(STORY_EVALUATE, longer(2), &random);
    hang_somewhere(STORY_READ, longer(1), &random);
    hang_somewhere(STORY_WRITE, longer(1), &random);
    life_expect_same(&whole[0], &one_each);
}

/* ---- a rank that fails while another's copy into its memory hangs ---- */

/* The only copies that are made in evaluations, and neither before nor when parameters move. */
static const emu_site *between_ranks(void) {
    for (int n = 0; n < whole[0].count; n++) {
        const life_place *const at = &whole[0].list[n];
        if (strncmp(at->site.function, "cudaMemcpy", 10) == 0 && life_calls(at, STORY_EVALUATE) &&
            !life_calls(at, STORY_CREATE) && !life_calls(at, STORY_READ))
            return &at->site;
    }
    fail_msg("there are no copies between ranks");
    return NULL;
}

/* Its receives are posted, and the second of them hangs. */
static sluice_status fail_beside_it(void) {
    int device = 0;
    (void)cudaGetDevice(&device);
    if (device == 0) return SLUICE_OK;
    while (emu_struck() < 0) (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
    return sluice_fail(SLUICE_E_CALLBACK, "no data");
}

static void begin_to_fail_beside(story_phase phase) {
    strike_in_phase(phase);
    story_while_loading = phase == strike.phase ? fail_beside_it : NULL;
}

static void no_memory_is_freed_that_a_copy_may_write(void **state) {
    (void)state;
    static const story forwards = {"forwards first", "gpipe", "cuda", true, 0.4, false};
    strike.site                 = between_ranks();
    strike.phase                = STORY_STEP;
    strike.blow                 = EMU_HANGS;
    strike.nth                  = 2;
    strike.code                 = 0;
    describe(forwards.name);
    const ending end = story_tell(&forwards, begin_to_fail_beside, strike.words);
    if (end.status != SLUICE_E_CALLBACK ||
        strcmp(end.error.what, "rank 1, stage 1, 1F0: loading samples 0 to 1 failed: no data") != 0)
        fail_msg("%s: '%s'", strike.words, end.error.what);
    if (end.seconds > deadline + grace + slack) fail_msg("it took %g s", end.seconds);
    (void)nanosleep(&(struct timespec){0, 100000000}, NULL); /* who would free does so now */
    emu_release();
    if (!story_all_come_back(slack)) fail_msg("%s: not all ranks come back", strike.words);
    story_expect_nothing_left(strike.words);
    life_expect_same(&whole[0], &one_each);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_enqueued_may_fault),
        cmocka_unit_test(the_micro_batch_is_named),
        cmocka_unit_test(a_gpu_may_be_lost_at_any_work),
        cmocka_unit_test(a_gpu_may_be_lost_while_the_host_is_busy),
        cmocka_unit_test(no_memory_is_freed_that_a_copy_may_write),
        cmocka_unit_test(work_may_never_end),
    };
    return cmocka_run_group_tests(tests, tell_without_failures, NULL);
}
