/* SPDX-License-Identifier: MIT */
/*
 * test_step.c -- what a step on GPUs must not do: allocate, create, wait for a whole device, copy
 * from memory that is not pinned, fill a queue, or choose algorithms that the warm-up has not
 * chosen.
 */
#include <cuda_runtime_api.h>

#include "emu.h"
#include "tests/support/small_gpt.h"

static const setting settings[] = {
    {"gpipe", 1, 1, 3, 8, true, "adamw", 0, 0, 0},
    {"1f1b", 4, 1, 5, 9, true, "adamw", 0x5, 0.2F, 0},
    {"zbv", 2, 1, 4, 8, false, "sgd", 0, 0, 0},
    {"interleaved", 2, 1, 4, 7, true, "adamw", 0, 0, 2},
};

/* Calls and events that a step must not have. */
static const char *const calls[]  = {"cublasLtMatmulAlgoGetHeuristic", "cudaMemGetInfo"};
static const char *const events[] = {"pageable copy", "full queue"};
enum { CALLS = sizeof calls / sizeof *calls, EVENTS = sizeof events / sizeof *events };

typedef struct counts {
    long calls[CALLS], events[EVENTS];
} counts;

static counts count(void) {
    counts now;
    for (int c = 0; c < CALLS; c++) now.calls[c] = emu_calls(calls[c]);
    for (int e = 0; e < EVENTS; e++) now.events[e] = emu_happened(events[e]);
    return now;
}

static void expect_none(const counts *before, const setting *with) {
    const counts now = count();
    char words[192];
    print_setting(words, sizeof words, with);
    for (int c = 0; c < CALLS; c++)
        if (now.calls[c] != before->calls[c])
            fail_msg("%s: a step calls %s %ld times", words, calls[c],
                     now.calls[c] - before->calls[c]);
    for (int e = 0; e < EVENTS; e++)
        if (now.events[e] != before->events[e])
            fail_msg("%s: a step has a %s %ld times", words, events[e],
                     now.events[e] - before->events[e]);
}

/* As many samples as the forward program takes at once: a smaller remainder may be a new shape. */
static void run_steps(sluice_pipeline *pipeline, const setting *with) {
    const sluice_program *program = sluice_pipeline_program(pipeline);
    double loss                   = 0;
    for (int64_t n = 0; n < 2; n++) {
        sluice_result result;
        const sluice_batch batch = make_batch(with->samples, &n);
        assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
        const sluice_batch held_out =
            make_batch(sluice_program_samples(program, 0) * with->microbatches, &n);
        assert_ok(sluice_pipeline_evaluate(&loss, pipeline, &held_out));
    }
}

static void a_step_neither_allocates_nor_chooses(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof settings / sizeof *settings; s++) {
        const setting *const with = &settings[s];
        sluice_model *model       = make_dropping_model(with->tied, with->dropout);
        sluice_pipeline *pipeline = make_pipeline(with, model);
        const counts before       = count();
        assert_true(before.calls[0] > 0);
        emu_forbid("a step runs");
        run_steps(pipeline, with);
        emu_forbid(NULL);
        expect_none(&before, with);
        sluice_pipeline_close(pipeline);
        sluice_model_free(model);
    }
}

static sluice_model *make_head(void) {
    const sluice_embedding_config embedding = {
        .vocabulary = VOCABULARY, .positions = LENGTH, .width = 4, .scale = 1, .position_scale = 1};
    const sluice_classifier_config classifier = {.width = 4, .classes = VOCABULARY, .scale = 1};
    sluice_model *model;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_I32, 1, {LENGTH}}));
    assert_ok(sluice_model_add(model, sluice_layer_embedding(), &embedding, "embedding"));
    assert_ok(sluice_model_add(model, sluice_layer_classifier(), &classifier, "head"));
    return model;
}

/* The head is a stage of its own, with 29 slabs of at most 256 rows in a micro-batch: seven of its
 * gradients would fill a queue of 1024. The host would wait inside a launch, where it sees neither
 * its deadline nor another rank's failure. */
static void a_head_of_many_rows_does_not_fill_the_queue(void **state) {
    enum { MICROBATCHES = 9, SAMPLES = 7200 / LENGTH };
    (void)state;
    if (test_is_sanitized() && !getenv("SLUICE_LONG")) skip(); /* half a minute, and it counts */
    const setting with        = {.schedule     = "gpipe",
                                 .ranks        = 2,
                                 .threads      = 1,
                                 .microbatches = MICROBATCHES,
                                 .samples      = (int64_t)MICROBATCHES * SAMPLES,
                                 .optimizer    = "sgd"};
    sluice_model *model       = make_head();
    sluice_pipeline *pipeline = make_pipeline(&with, model);
    const counts before       = count();
    const sluice_batch batch  = make_batch(with.samples, &(int64_t){0});
    sluice_result result;
    assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
    expect_none(&before, &with);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* A context takes hundreds of megabytes, perhaps of the GPU that another uses. */
static void a_gpu_that_is_not_named_is_left_alone(void **state) {
    emu_settings two = emu_settings_now();
    (void)state;
    two.devices = 2;
    emu_restart(&two);
    small_gpt.device          = "cuda:1";
    sluice_model *model       = make_dropping_model(settings[0].tied, settings[0].dropout);
    sluice_pipeline *pipeline = make_pipeline(&settings[0], model);
    run_steps(pipeline, &settings[0]);
    assert_true(emu_has_context(1));
    if (emu_has_context(0)) fail_msg("a pipeline on cuda:1 makes a context on cuda:0");
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    small_gpt.device = "cuda";
}

int main(void) {
    small_gpt.device                = "cuda";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_neither_allocates_nor_chooses),
        cmocka_unit_test(a_head_of_many_rows_does_not_fill_the_queue),
        cmocka_unit_test(a_gpu_that_is_not_named_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
