/* SPDX-License-Identifier: MIT */
/*
 * test_gpu_training.c -- training on the GPUs of this machine, emulated or real, one or many: the
 * theorem among GPUs, bit for bit, and agreement with the cpu.
 *
 * GPUs and cpu differ in the order of sums and in exp(), and in bf16 in what a sum is before it is
 * rounded: the steps of AdamW with clipping leave losses and norms within close_enough() of each
 * other, relative.
 */
#include "tests/support/small_gpt.h"

#include <math.h>

#include "sluice/device.h"

typedef enum measure { LOSS, NORM } measure;

static double close_enough(measure of) {
    if (small_gpt.precision != SLUICE_PRECISION_BF16) return 2e-5;
    return of == LOSS ? 1e-3 : 1e-2;
}

/* Every schedule with one rank and several, chunked or not, ties across GPUs, recomputation,
 * dropout, micro-batches that are uneven or fewer than ranks. */
static const setting settings[] = {
    {"gpipe", 2, 1, 4, 8, true, "adamw", 0, 0, 0},
    {"1f1b", 4, 1, 5, 9, true, "adamw", 0, 0, 0},
    {"1f1b", 3, 1, 2, 4, false, "sgd", 0x3, 0.2F, 0},
    {"interleaved", 2, 1, 4, 8, true, "adamw", 0, 0, 2},
    {"zb1p", 4, 1, 6, 6, true, "adamw", 0, 0.1F, 0},
    {"zbv", 2, 1, 4, 8, false, "adamw", 0xf, 0, 0},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

static int devices(void) {
    const sluice_device_ops *ops;
    int count = 0;
    assert_ok(sluice_device_find(&ops, "cuda"));
    assert_ok(ops->count(&count));
    return count;
}

static void expect_close(measure of, const char *what, int n, double cpu, double cuda,
                         const setting *with) {
    char words[192];
    print_setting(words, sizeof words, with);
    if (!(fabs(cpu - cuda) <= close_enough(of) * fabs(cpu)))
        fail_msg("%s: %s of step %d is %.9g on the cpu, %.9g on cuda", words, what, n, cpu, cuda);
}

static void compare_with_cpu(const setting *with, const outcome *got) {
    setting plain     = *with;
    plain.schedule    = "gpipe";
    plain.ranks       = 1;
    plain.chunks      = 0;
    plain.recompute   = 0;
    small_gpt.device  = "cpu";
    const outcome cpu = train(&plain);
    small_gpt.device  = "cuda";
    for (int n = 0; n < small_gpt_steps(); n++) {
        expect_close(LOSS, "loss", n, cpu.loss[n], got->loss[n], with);
        expect_close(NORM, "norm", n, cpu.norm[n], got->norm[n], with);
    }
    expect_close(LOSS, "held-out loss", small_gpt_steps(), cpu.held_out, got->held_out, with);
}

static void compare(const setting *with) {
    setting alone     = *with;
    alone.schedule    = "gpipe";
    alone.ranks       = 1;
    alone.chunks      = 0;
    alone.recompute   = 0;
    const outcome one = train(&alone);
    const outcome got = train(with);
    assert_same(&one, &got, with);
    compare_with_cpu(with, &got);
}

/* A pipeline of any shape has the bits of one rank with as many micro-batches. */
static void training_does_not_depend_on_the_pipeline(void **state) {
    (void)state;
    const int one_in = test_finds_races() ? 6 : 3;
    for (int s = 0; s < SETTINGS; s++)
        if (test_picks(s + devices() / 2, 1, one_in)) compare(&settings[s]);
}

static void bf16_has_the_same_bits_in_every_pipeline(void **state) {
    (void)state;
    small_gpt.precision = SLUICE_PRECISION_BF16;
    compare(&(setting){"1f1b", 3, 1, 3, 7, true, "adamw", 0x2, 0.1F, 0});
    if (!test_is_sanitized()) {
        compare(&(setting){"zbv", 2, 1, 4, 8, false, "sgd", 0, 0, 0});
        small_gpt.make = make_small_llama;
        compare(&(setting){"zb1p", 2, 1, 3, 7, false, "adamw", 0, 0, 0});
    }
    small_gpt.make      = NULL;
    small_gpt.precision = SLUICE_PRECISION_FP32;
}

static void neither_does_that_of_a_llama(void **state) {
    (void)state;
    small_gpt.make = make_small_llama;
    compare(&(setting){"1f1b", 2, 1, 3, 7, false, "adamw", 0x1, 0.1F, 0});
    small_gpt.make = NULL;
}

/* One, two and four ranks on one card with as many micro-batches, and four ranks spread
 * differently: neighbours on one GPU copy within it, others between two. The bits are the same. */
static void ranks_share_gpus_as_requested(void **state) {
    (void)state;
    setting with      = {"1f1b", 1, 1, 4, 8, true, "adamw", 0, 0.1F, 0};
    small_gpt.device  = "cuda:0";
    const outcome one = train(&with);
    for (with.ranks = test_is_sanitized() ? 4 : 2; with.ranks <= 4; with.ranks *= 2) {
        small_gpt.ranks_per_device = with.ranks;
        const outcome together     = train(&with);
        assert_same(&one, &together, &with);
    }
    with.ranks                 = 4;
    small_gpt.device           = "cuda";
    small_gpt.ranks_per_device = 0;
    if (devices() >= 2) {
        if (!test_is_sanitized()) {
            const outcome spread = train(&with);
            assert_same(&one, &spread, &with);
        }
        small_gpt.device           = "cuda:1,0";
        small_gpt.ranks_per_device = 2;
        const outcome two_each     = train(&with);
        assert_same(&one, &two_each, &with);
    }
    small_gpt.device           = "cuda";
    small_gpt.ranks_per_device = 0;
}

static sluice_status create(const char *device, int ranks, int ranks_per_device) {
    sluice_model *model             = make_model(true);
    sluice_schedule *schedule       = make_schedule("1f1b", ranks, 4);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_pipeline *pipeline       = NULL;
    options.samples                 = 8;
    options.device                  = device;
    options.ranks_per_device        = ranks_per_device;
    const sluice_status status =
        sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options);
    sluice_pipeline_close(pipeline);
    sluice_schedule_free(schedule);
    sluice_model_free(model);
    return status;
}

static void bad_devices_are_refused(void **state) {
    (void)state;
    char text[128];
    const int there = devices();
    snprintf(text, sizeof text, "there is no cuda:9: this machine has %d cuda device%s", there,
             there == 1 ? "" : "s");
    assert_refused(create("cuda:0,9", 2, 0), SLUICE_E_ARGUMENT, text);
    assert_refused(create("cuda:0,0", 2, 0), SLUICE_E_ARGUMENT,
                   "device 'cuda:0,0' is not a list of devices, each named once");
    assert_refused(create("cuda:", 2, 0), SLUICE_E_ARGUMENT,
                   "device 'cuda:' is not a list of devices, each named once");
    assert_refused(create("cuda:0", 2, 1), SLUICE_E_ARGUMENT,
                   "2 ranks, 1 on a device, need 2 devices of kind cuda, and there are 1");
}

/* The step reports what a kernel finds, and names the micro-batch. */
static int64_t bad_sample;

static sluice_status load_bad_tokens(void *context, void *to, int64_t first, int64_t samples) {
    (void)load_inputs(context, to, first, samples);
    if (first == bad_sample) ((int32_t *)to)[5] = VOCABULARY + 3;
    return SLUICE_OK;
}

static sluice_status load_bad_targets(void *context, void *to, int64_t first, int64_t samples) {
    (void)load_targets(context, to, first, samples);
    if (first == bad_sample) ((int32_t *)to)[7] = VOCABULARY;
    return SLUICE_OK;
}

/* With more micro-batches than the host runs ahead. */
static void an_index_outside_its_table_is_reported_with_its_micro_batch(void **state) {
    (void)state;
    enum { SAMPLES = 10 };
    const setting with = {"1f1b", 2, 1, SAMPLES, SAMPLES, true, "adamw", 0, 0, 0};
    for (int k = 0; k < 2 * SAMPLES; k += test_is_sanitized() ? 9 : 3) {
        sluice_model *model       = make_model(true);
        sluice_pipeline *pipeline = make_pipeline(&with, model);
        int64_t n                 = 0;
        char says[128];
        sluice_result result;
        sluice_batch batch = make_batch(SAMPLES, &n);
        bad_sample         = k / 2;
        if (k % 2 == 0) {
            batch.parts[0].load = load_bad_tokens;
            (void)snprintf(says, sizeof says,
                           "rank 0, stage 0, 0F%d: token 5 is 43, and the table has 40 rows",
                           k / 2);
        } else {
            batch.parts[1].load = load_bad_targets;
            (void)snprintf(says, sizeof says,
                           "rank 1, stage 1, 1B%d: the target of row 7 is 40, and there are 40 "
                           "classes",
                           k / 2);
        }
        assert_refused(sluice_pipeline_step(&result, pipeline, &batch), SLUICE_E_ARGUMENT, says);
        sluice_pipeline_close(pipeline);
        sluice_model_free(model);
    }
}

/* [PATTERN] of tests' names. */
int main(int argc, char **argv) {
    small_gpt.device                = "cuda";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_does_not_depend_on_the_pipeline),
        cmocka_unit_test(neither_does_that_of_a_llama),
        cmocka_unit_test(bf16_has_the_same_bits_in_every_pipeline),
        cmocka_unit_test(ranks_share_gpus_as_requested),
        cmocka_unit_test(bad_devices_are_refused),
        cmocka_unit_test(an_index_outside_its_table_is_reported_with_its_micro_batch),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
