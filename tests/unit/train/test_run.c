/* SPDX-License-Identifier: MIT */
/* test_run.c -- a training run over a text file: what its steps draw, count and skip; and a run
 * that continues from a state equals one that never stopped. */
#include <math.h>

#include "tests/support/byte_gpt.h"

#include "sluice/run.h"

enum { LENGTH = 8, SAMPLES = 4, STEPS = 6, WINDOWS = 40, TEXT_BYTES = WINDOWS * LENGTH + 1 };

typedef struct setting {
    byte_gpt on;
    sluice_pipeline *pipeline;
    sluice_run *run;
} setting;

static sluice_run_options run_options(void) {
    sluice_run_options options = SLUICE_RUN_OPTIONS_INIT;
    options.steps              = STEPS;
    options.seed               = 7;
    options.learning_rate      = (sluice_learning_rate){0.2, 0.02, 2, STEPS, SLUICE_DECAY_COSINE};
    return options;
}

static sluice_pipeline *open_pipeline(const sluice_model *model) {
    const sluice_schedule_options plan = {sizeof plan, .ranks = 2, .microbatches = 2};
    sluice_pipeline_options settings   = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_schedule *schedule;
    sluice_pipeline *pipeline;
    settings.samples   = SAMPLES;
    settings.optimizer = sluice_optimizer_sgd(); /* has no state */
    settings.threads   = 1;
    assert_ok(sluice_schedule_generate(&schedule, "1f1b", &plan));
    assert_ok(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &settings));
    sluice_schedule_free(schedule);
    return pipeline;
}

static setting open_all(const sluice_run_options *options) {
    const sluice_gpt_config config = {256, LENGTH, 8, 1, 2, true, 0};
    setting with                   = {.on = byte_gpt_open(&config, WINDOWS)};
    with.pipeline                  = open_pipeline(with.on.model);
    assert_ok(sluice_run_open(&with.run, with.pipeline, with.on.model, with.on.corpus, options));
    return with;
}

static void close_all(setting *with) {
    sluice_run_close(with->run);
    sluice_pipeline_close(with->pipeline);
    byte_gpt_close(&with->on);
}

static uint64_t digest(const setting *with) {
    uint64_t value = 0;
    assert_ok(sluice_pipeline_digest(&value, with->pipeline));
    return value;
}

/* ---- a run by hand, from the corpus and the pipeline alone ---- */

typedef struct hand {
    const sluice_corpus *corpus;
    int64_t minibatch;
    bool targets;
} hand;

static sluice_status load_by_hand(void *context, void *to, int64_t first, int64_t samples) {
    const hand *by = context;
    for (int64_t k = first; k < first + samples; k++) {
        int32_t *const values      = (int32_t *)to + (k - first) * LENGTH;
        const int64_t window       = sluice_corpus_sample(by->corpus, 7, by->minibatch, SAMPLES, k);
        const sluice_status status = sluice_corpus_window(
            by->targets ? NULL : values, by->targets ? values : NULL, by->corpus, window);
        if (status != SLUICE_OK) return status;
    }
    return SLUICE_OK;
}

static uint64_t train_by_hand(const setting *with, double *losses) {
    const sluice_learning_rate rate = run_options().learning_rate;
    sluice_pipeline *const pipeline = open_pipeline(with->on.model);
    uint64_t value                  = 0;
    for (int64_t n = 0; n < STEPS; n++) {
        hand inputs = {with->on.corpus, n, false}, targets = {with->on.corpus, n, true};
        const sluice_batch batch = {
            SAMPLES,
            SAMPLES * LENGTH,
            {{"inputs", load_by_hand, &inputs}, {"targets", load_by_hand, &targets}},
            sluice_learning_rate_at(&rate, n + 1)};
        sluice_result result;
        assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
        losses[n] = result.loss;
    }
    assert_ok(sluice_pipeline_digest(&value, pipeline));
    sluice_pipeline_close(pipeline);
    return value;
}

static void steps_equal_those_made_by_hand(void **state) {
    (void)state;
    const sluice_run_options options = run_options();
    setting with                     = open_all(&options);
    double losses[STEPS];
    const uint64_t expected = train_by_hand(&with, losses);
    for (int64_t n = 0; n < STEPS; n++) {
        sluice_run_result got;
        assert_false(sluice_run_is_done(with.run));
        assert_ok(sluice_run_step(&got, with.run));
        assert_int_equal(got.step, n + 1);
        assert_true(got.result.loss == losses[n]);
        assert_true(got.learning_rate == sluice_learning_rate_at(&options.learning_rate, n + 1));
        assert_true(got.tokens_per_s > 0);
        assert_null(got.reason);
    }
    assert_true(sluice_run_is_done(with.run));
    assert_true(digest(&with) == expected);
    sluice_run_result none;
    assert_refused(sluice_run_step(&none, with.run), SLUICE_E_ARGUMENT,
                   "all 6 steps of the run are done");
    close_all(&with);
}

/* ---- evaluation ---- */

static void evaluations_are_due_and_change_nothing(void **state) {
    (void)state;
    sluice_run_options options = run_options();
    options.evaluate_every     = 4;
    setting with               = open_all(&options);
    double losses[STEPS], before = 0, again = 0, after = 0;
    const uint64_t expected = train_by_hand(&with, losses);
    sluice_run_result got;
    assert_int_equal(sluice_run_held_out(with.run), WINDOWS * 5 / 100);
    assert_ok(sluice_run_evaluate(&before, with.run));
    assert_ok(sluice_run_evaluate(&again, with.run));
    assert_true(before == again);
    for (int64_t n = 1; n <= STEPS; n++) {
        assert_ok(sluice_run_step(&got, with.run));
        const double seconds = got.result.ledger[1].time[0], idle = got.result.inner_idle[1];
        assert_int_equal(sluice_run_evaluates(with.run), n == 4 || n == STEPS);
        assert_ok(sluice_run_evaluate(&after, with.run));
        assert_true(got.result.ledger[1].time[0] == seconds && got.result.inner_idle[1] == idle);
    }
    assert_true(after < before);
    assert_true(digest(&with) == expected);
    close_all(&with);
}

/* ---- minibatches that are skipped ---- */

static void set_one_weight(const setting *with, float value) {
    float weights[8];
    assert_ok(
        sluice_pipeline_read_parameter(weights, 8, with->pipeline, "transformer.ln_f.weight"));
    weights[3] = value;
    assert_ok(
        sluice_pipeline_write_parameter(with->pipeline, "transformer.ln_f.weight", weights, 8));
}

static void minibatches_are_skipped_up_to_the_limit(void **state) {
    (void)state;
    sluice_run_options options = run_options();
    options.skip_nonfinite     = 2;
    setting with               = open_all(&options);
    sluice_run_result first, got;
    assert_ok(sluice_run_step(&first, with.run));
    set_one_weight(&with, NAN);
    for (int n = 2; n <= 3; n++) {
        assert_ok(sluice_run_step(&got, with.run));
        assert_int_equal(got.step, n);
        assert_int_equal(got.skipped, n - 1);
        assert_non_null(strstr(got.reason, "the loss is nan"));
        assert_true(got.result.loss ==
                    first.result.loss); /* of the last minibatch that was not skipped */
    }
    const sluice_run_state before = sluice_run_get_state(with.run);
    assert_int_equal(sluice_run_step(&got, with.run), SLUICE_E_NONFINITE);
    assert_non_null(strstr(sluice_last_error()->what, "the loss is nan"));
    const sluice_run_state after = sluice_run_get_state(with.run);
    assert_memory_equal(&before, &after, sizeof before);
    set_one_weight(&with, 1);
    assert_ok(sluice_run_step(&got, with.run));
    assert_int_equal(got.step, 4);
    assert_int_equal(got.skipped, 2);
    assert_null(got.reason);
    close_all(&with);
}

/* ---- going on ---- */

static void copy_parameters(const setting *from, const setting *to) {
    for (int u = 0; u < sluice_model_use_count(from->on.model); u++) {
        const sluice_parameter_use *const use = sluice_model_use(from->on.model, u);
        const int64_t count                   = sluice_shape_count(&use->parameter.shape);
        float *const values                   = calloc((size_t)count, sizeof *values);
        assert_non_null(values);
        assert_ok(sluice_pipeline_read_parameter(values, count, from->pipeline, use->name));
        assert_ok(sluice_pipeline_write_parameter(to->pipeline, use->name, values, count));
        free(values);
    }
}

static void a_run_continues_from_its_state(void **state) {
    (void)state;
    sluice_run_options options = run_options();
    setting one                = open_all(&options);
    options.seed               = 99; /* the state's seed is used */
    setting two                = open_all(&options);
    double losses[STEPS];
    const uint64_t expected = train_by_hand(&one, losses);
    sluice_run_result got;
    for (int n = 0; n < 3; n++) assert_ok(sluice_run_step(&got, one.run));
    const sluice_run_state at = sluice_run_get_state(one.run);
    assert_int_equal(at.step, 3);
    assert_int_equal(at.minibatch, 3);
    assert_int_equal(at.seed, 7);
    copy_parameters(&one, &two);
    assert_ok(sluice_run_set_state(two.run, &at));
    for (int n = 3; n < STEPS; n++) {
        assert_ok(sluice_run_step(&got, two.run));
        assert_int_equal(got.step, n + 1);
        assert_true(got.result.loss == losses[n]);
    }
    assert_true(sluice_run_is_done(two.run));
    assert_true(digest(&two) == expected);
    close_all(&one);
    close_all(&two);
}

/* ---- refusals ---- */

static void impossible_states_are_refused(void **state) {
    (void)state;
    const sluice_run_options options = run_options();
    setting with                     = open_all(&options);
    const sluice_run_state none      = {.step = 2, .skipped = 3, .minibatch = 2, .seed = 1},
                           late      = {.step = 7, .skipped = 0, .minibatch = 7, .seed = 1};
    assert_refused(sluice_run_set_state(with.run, &none), SLUICE_E_ARGUMENT,
                   "no run is at step 2 and minibatch 2 with 3 minibatches skipped");
    assert_refused(sluice_run_set_state(with.run, &late), SLUICE_E_ARGUMENT,
                   "step 7 is past the 6 of the run");
    assert_int_equal(sluice_run_get_state(with.run).step, 0);
    close_all(&with);
}

static void impossible_runs_are_refused(void **state) {
    (void)state;
    const sluice_run_options good = run_options();
    sluice_run_options bad        = good;
    setting with                  = open_all(&good);
    sluice_run *run;
    bad.steps = 0;
    assert_refused(sluice_run_open(&run, with.pipeline, with.on.model, with.on.corpus, &bad),
                   SLUICE_E_ARGUMENT, "a run of 0 steps; it must have at least 1");
    bad          = good;
    bad.held_out = 0;
    assert_refused(sluice_run_open(&run, with.pipeline, with.on.model, with.on.corpus, &bad),
                   SLUICE_E_ARGUMENT, "evaluations of 0 held-out windows; use at least 1");
    sluice_corpus *const other = open_text(&with.on.files, TEXT_BYTES, LENGTH + 1);
    assert_refused(sluice_run_open(&run, with.pipeline, with.on.model, other, &good),
                   SLUICE_E_ARGUMENT,
                   "\"inputs\" of the model's batches are 8 tokens of a sample; the corpus has "
                   "windows of 9");
    sluice_corpus_close(other);
    sluice_run_close(NULL);
    close_all(&with);
}

static void a_model_without_tokens_is_refused(void **state) {
    (void)state;
    const folder files                = folder_make();
    const sluice_run_options options  = run_options();
    const sluice_linear_config config = {.inputs = LENGTH, .outputs = 1};
    const sluice_shape sample         = {SLUICE_TYPE_F32, 1, {LENGTH}};
    sluice_corpus *const corpus       = open_text(&files, TEXT_BYTES, LENGTH);
    sluice_model *model;
    sluice_run *run;
    assert_ok(sluice_model_create(&model, &sample));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &config, "narrow"));
    assert_ok(sluice_model_add(model, sluice_layer_squared_error(), NULL, "error"));
    sluice_pipeline *const pipeline = open_pipeline(model);
    assert_refused(sluice_run_open(&run, pipeline, model, corpus, &options), SLUICE_E_ARGUMENT,
                   "\"inputs\" of the model's batches are not tokens (int32), which is what a "
                   "corpus has");
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    sluice_corpus_close(corpus);
    folder_remove(&files);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_equal_those_made_by_hand),
        cmocka_unit_test(evaluations_are_due_and_change_nothing),
        cmocka_unit_test(minibatches_are_skipped_up_to_the_limit),
        cmocka_unit_test(a_run_continues_from_its_state),
        cmocka_unit_test(impossible_states_are_refused),
        cmocka_unit_test(impossible_runs_are_refused),
        cmocka_unit_test(a_model_without_tokens_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
