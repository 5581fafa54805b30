/* SPDX-License-Identifier: MIT */
/*
 * test_nccl.c -- training through NCCL, emulated strictly: one kernel resident on each GPU, nothing
 * buffered. Every schedule finishes, with the bits of `local`, and with those of one rank if B and
 * W ascend in micro-batch.
 */
#include "stack.h"

#include "tests/support/small_gpt.h"

/* Its sums descend, so that its bits differ from the theorem's, which are those of one rank. */
static bool ascends(const char *schedule) {
    return strcmp(schedule, "gpipe-lifo") != 0 && strcmp(schedule, "looped-bfs") != 0;
}

static void expect_bits(const stack *with, const char *of, uint64_t seed,
                        const stack_outcome *expected, const stack_outcome *got) {
    if (memcmp(expected, got, sizeof *got) == 0) return;
    fail_msg("%s on %d GPUs, %d micro-batches, seed %llu: losses %.17g %.17g%s, held out %.17g, "
             "weights %016llx; %s has %.17g %.17g, %.17g, %016llx",
             with->schedule, with->ranks, with->microbatches, (unsigned long long)seed,
             got->loss[0], got->loss[1], test_not_finite(got->loss[1]), got->held_out,
             (unsigned long long)got->digest, of, expected->loss[0], expected->loss[1],
             expected->held_out, (unsigned long long)expected->digest);
}

static bool tiny;  /* two schedules on two GPUs, for ThreadSanitizer */
static bool brief; /* each schedule on two or four GPUs, else on the others and most on eight */

/* One schedule on so many GPUs, at one timing; the minibatch does not divide evenly. */
static void train_everywhere(const char *schedule, int ranks, int m, uint64_t *random) {
    stack with     = {schedule, "local", NULL, ranks, m, m + 3, 0, 0, 0, NULL, NULL};
    stack alone    = with;
    alone.schedule = "gpipe";
    alone.ranks    = 1;
    with.recompute = ranks == 4 ? 0x5 : 0;
    stack_devices(ranks, 1, true);
    const stack_outcome local = stack_train(&with);
    if (ascends(schedule)) {
        const stack_outcome one = stack_train(&alone);
        expect_bits(&with, "one rank", 1, &one, &local);
    }
    with.transport  = "nccl";
    const int times = getenv("SLUICE_LONG") ? 20 : 1;
    for (int t = 0; t < times; t++) {
        const uint64_t seed = test_random(random) % 100000;
        stack_devices(ranks, seed, (times == 1 ? (int)(seed % 2) : t % 2) == 0);
        const stack_outcome got = stack_train(&with);
        expect_bits(&with, "local", seed, &local, &got);
        if (emu_communicators() != 0) fail_msg("%d communicators are left", emu_communicators());
    }
}

/* The minimum number of micro-batches, from the number of ranks on, that the schedule takes; 0: it
 * does not train. */
static int microbatches_for(const char *name, int ranks) {
    for (int m = ranks; m <= 4 * ranks; m += ranks) {
        sluice_schedule_options shape = SLUICE_SCHEDULE_OPTIONS_INIT;
        sluice_schedule *schedule     = NULL;
        shape.ranks                   = ranks;
        shape.microbatches            = m;
        if (sluice_schedule_generate(&schedule, name, &shape) != SLUICE_OK) continue;
        const bool trains = sluice_schedule_trains(schedule);
        sluice_schedule_free(schedule);
        return trains ? m : 0;
    }
    fail_msg("%s does not take %d ranks", name, ranks);
    return 0;
}

/* Whether schedule number `n` is for this build to train on so many GPUs. */
static bool is_tried(ptrdiff_t n, int ranks) {
    if (tiny || getenv("SLUICE_LONG")) return true;
    if (ranks == 8) return !brief && n % 3 != 0;
    return (ranks == 2) == ((n % 2 != 0) == brief);
}

/* SLUICE_LONG=1: on 2, 4 and 8 GPUs, at twenty timings. */
static void every_schedule_has_the_same_bits(void **state) {
    (void)state;
    uint64_t random                = test_seed();
    int trained                    = 0;
    const char *const *const names = sluice_schedule_names();
    for (const char *const *name = names; *name; name++)
        for (int ranks = 2; ranks <= 8; ranks *= 2) {
            const int m = microbatches_for(*name, ranks);
            if (tiny && (ranks > 2 || (strcmp(*name, "1f1b") != 0 && strcmp(*name, "zbv") != 0)))
                continue;
            if (m == 0 || !is_tried(name - names, ranks)) continue;
            train_everywhere(*name, ranks, ranks < 8 ? 2 * m : m, &random);
            trained++;
        }
    print_message("%d schedules and sizes\n", trained);
    assert_true(trained >= (tiny ? 2 : brief ? 10 : 20));
}

/* Tied weights are sent after the drain; dropout; fewer micro-batches than ranks. */
static const setting gpts[] = {
    {"1f1b", 4, 1, 5, 9, true, "adamw", 0, 0, 0},
    {"interleaved", 2, 1, 4, 8, true, "adamw", 0x3, 0.1F, 2},
    {"zbv", 2, 1, 4, 8, true, "sgd", 0, 0, 0},
    {"zb1p", 4, 1, 3, 3, false, "adamw", 0, 0, 0},
};

static void gpts_have_the_same_bits(void **state) {
    (void)state;
    for (size_t g = 0; g < (tiny ? 0 : sizeof gpts / sizeof *gpts); g += brief ? 2 : 1) {
        small_gpt.device    = "cuda";
        small_gpt.transport = "local";
        stack_devices(4, 1, true);
        const outcome local = train(&gpts[g]);
        small_gpt.transport = "nccl";
        stack_devices(4, g + 2, g % 2 == 0);
        const outcome got = train(&gpts[g]);
        assert_same(&local, &got, &gpts[g]);
    }
}

/* One GPU has no partner, and gathers all the same. */
static void one_rank_works_without_a_partner(void **state) {
    (void)state;
    stack with = {"gpipe", "local", NULL, 1, 4, 8, 0, 0, 0, NULL, NULL};
    stack_devices(1, 1, true);
    const stack_outcome local = stack_train(&with);
    with.transport            = "nccl";
    const stack_outcome got   = stack_train(&with);
    expect_bits(&with, "local", 1, &local, &got);
}

/* NCCL calls of a step come from the rank's own thread, allocate nothing and wait for no device. */
static void a_step_allocates_nothing(void **state) {
    (void)state;
    const stack with          = {"1f1b", "nccl", NULL, 4, 8, 8, 0, 0, 0, NULL, NULL};
    sluice_model *model       = stack_model();
    sluice_pipeline *pipeline = NULL;
    stack_devices(4, 3, false);
    assert_ok(stack_create(&pipeline, &with, model));
    emu_forbid("a step runs");
    int64_t n                = 0;
    const sluice_batch batch = stack_batch(8, &n);
    const long before        = emu_calls("ncclAllGather");
    double held_out          = 0;
    sluice_result result;
    for (; n < 3; n++) assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
    assert_ok(sluice_pipeline_evaluate(&held_out, pipeline, &batch));
    emu_forbid(NULL);
    if (emu_calls("ncclAllGather") - before != (long)3 * 4)
        fail_msg("%ld gathers in 3 steps of 4 ranks", emu_calls("ncclAllGather") - before);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

int main(int argc, char **argv) {
    tiny                            = argc > 1 && strcmp(argv[1], "tiny") == 0;
    brief                           = tiny || (argc > 1 && strcmp(argv[1], "brief") == 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schedule_has_the_same_bits),
        cmocka_unit_test(gpts_have_the_same_bits),
        cmocka_unit_test(one_rank_works_without_a_partner),
        cmocka_unit_test(a_step_allocates_nothing),
    };
    return cmocka_run_group_tests_name("nccl", tests, NULL, NULL);
}
