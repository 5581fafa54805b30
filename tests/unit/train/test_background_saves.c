/* SPDX-License-Identifier: MIT */
/* test_background_saves.c -- saves that are written while training goes on: the files of those
 * between the steps, the bytes that the plan counts, and what comes of a disk that fails. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/byte_gpt.h"
#include "tests/support/counting.h"

enum { LENGTH = 8, SAMPLES = 4, STEPS = 6, WINDOWS = 60, RANKS = 2 };

/* ---- a run ---- */

typedef struct trainer {
    byte_gpt on;
    sluice_pipeline *pipeline;
    sluice_run *run;
    long long run_bytes; /* of the library's host memory, for the run alone */
    long long planned;   /* of that for saves */
    char out[72];
    sluice_type type; /* of the weights in files */
} trainer;

static void open_pipeline(trainer *it) {
    const sluice_schedule_options order = {sizeof order, .ranks = RANKS, .microbatches = 2};
    sluice_pipeline_options settings    = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_schedule *schedule           = NULL;
    sluice_plan *plan                   = NULL;
    settings.samples                    = SAMPLES;
    settings.threads                    = 1;
    assert_ok(sluice_schedule_generate(&schedule, "1f1b", &order));
    assert_ok(sluice_pipeline_plan(&plan, it->on.model, schedule, NULL, &settings));
    for (int r = 0; r < RANKS; r++) it->planned += (long long)sluice_plan_save_bytes(plan, r);
    assert_ok(sluice_pipeline_open(&it->pipeline, plan, &settings));
    sluice_plan_free(plan);
    sluice_schedule_free(schedule);
}

static trainer start(bool background) {
    const sluice_gpt_config config = {256, LENGTH, 8, 2, 2, true, 0.1F};
    trainer it                     = {.on = byte_gpt_open(&config, WINDOWS)};
    sluice_run_options options     = SLUICE_RUN_OPTIONS_INIT;
    (void)snprintf(it.out, sizeof it.out, "%s/out", it.on.files.path);
    assert_int_equal(mkdir(it.out, 0700), 0);
    open_pipeline(&it);
    options.steps          = STEPS;
    options.save_async     = background;
    const long long before = counted_bytes();
    assert_ok(sluice_run_open(&it.run, it.pipeline, it.on.model, it.on.corpus, &options));
    it.run_bytes = counted_bytes() - before;
    return it;
}

static void stop(trainer *it) {
    sluice_run_close(it->run);
    sluice_pipeline_close(it->pipeline);
    byte_gpt_close(&it->on);
}

static void step(const trainer *it) {
    sluice_run_result result;
    assert_ok(sluice_run_step(&result, it->run));
}

static sluice_save_options options_of(const trainer *it) {
    sluice_save_options options = byte_gpt_save_options(&it->on);
    options.type                = it->type;
    return options;
}

static sluice_status save(trainer *it, const char *out) {
    const sluice_save_options options = options_of(it);
    return sluice_run_save(it->run, out, STEPS, &options);
}

static sluice_status save_end(trainer *it) {
    const sluice_save_options options = options_of(it);
    return sluice_run_save_end(it->run, it->out, STEPS, &options);
}

static bool has_save(const trainer *it, int number) {
    char path[128];
    struct stat about;
    (void)snprintf(path, sizeof path, "%s/saves/step-%08d/state.json", it->out, number);
    return stat(path, &about) == 0;
}

/* ---- tests ---- */

/* A save after each step, each written while the next step changes what was copied. */
static void train(trainer *it) {
    for (int k = 1; k <= STEPS; k++) {
        step(it);
        if (k < STEPS) assert_ok(save(it, it->out));
    }
    assert_ok(save_end(it));
}

static void expect_same_files(sluice_type type) {
    trainer between = start(false), background = start(true);
    uint64_t one = 0, other = 0;
    char command[300];
    between.type = background.type = type;
    train(&between);
    train(&background);
    assert_ok(sluice_pipeline_digest(&one, between.pipeline));
    assert_ok(sluice_pipeline_digest(&other, background.pipeline));
    assert_true(one == other);
    for (int k = 1; k <= STEPS; k++) assert_true(has_save(&background, k));
    (void)snprintf(command, sizeof command, "diff -r '%s' '%s'", between.out, background.out);
    if (system(command) != 0) fail_msg("the files differ: %s", command);
    stop(&between);
    stop(&background);
}

static void the_files_are_those_of_saves_between_the_steps(void **state) {
    (void)state;
    expect_same_files(SLUICE_TYPE_F32);
    expect_same_files(SLUICE_TYPE_BF16);
}

static void the_plan_counts_the_copy(void **state) {
    (void)state;
    enum { MORE = 4096 }; /* what keeps the copy */
    trainer between = start(false), background = start(true);
    const long long taken = background.run_bytes - between.run_bytes;
    if (taken < background.planned || taken > background.planned + MORE)
        fail_msg("the plan says %lld bytes for the copy, and it takes %lld", background.planned,
                 taken);
    stop(&between);
    stop(&background);
}

/* Where there is no folder, nothing can be written. */
static void a_failure_is_returned_once_and_the_end_is_saved(void **state) {
    (void)state;
    trainer it = start(true);
    char other[96];
    (void)snprintf(other, sizeof other, "%s/not/there", it.out);
    step(&it);
    assert_ok(save(&it, it.out));
    assert_ok(sluice_run_finish_save(it.run));
    assert_true(has_save(&it, 1));
    step(&it);
    assert_ok(save(&it, other));
    assert_int_equal(sluice_run_finish_save(it.run), SLUICE_E_IO);
    assert_non_null(strstr(sluice_last_error()->what, "not/there"));
    assert_ok(sluice_run_finish_save(it.run));
    assert_ok(save(&it, other));
    step(&it);
    assert_int_equal(save(&it, it.out), SLUICE_E_IO); /* what came of the one before */
    assert_ok(sluice_run_finish_save(it.run));
    assert_true(has_save(&it, 3)); /* and this one is there */
    step(&it);
    assert_ok(save(&it, other));
    assert_int_equal(save_end(&it), SLUICE_E_IO); /* the same; but it is there: */
    assert_true(has_save(&it, 4));
    assert_false(sluice_run_is_saving(it.run));
    stop(&it);
}

/* A run that is closed while a save is being written leaves it whole. */
static void a_close_waits_for_the_save(void **state) {
    (void)state;
    trainer it = start(true);
    char path[128];
    sluice_save *found = NULL;
    step(&it);
    assert_ok(save(&it, it.out));
    sluice_run_close(it.run);
    it.run = NULL;
    (void)snprintf(path, sizeof path, "%s/saves/step-00000001", it.out);
    assert_ok(sluice_save_open(&found, path));
    assert_int_equal(sluice_save_state(found).step, 1);
    sluice_save_close(found);
    stop(&it);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_files_are_those_of_saves_between_the_steps),
        cmocka_unit_test(the_plan_counts_the_copy),
        cmocka_unit_test(a_failure_is_returned_once_and_the_end_is_saved),
        cmocka_unit_test(a_close_waits_for_the_save),
    };
    count_allocations();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
