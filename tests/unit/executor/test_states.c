/* SPDX-License-Identifier: MIT */
/* test_states.c -- the state of a run: listed, read and written by name; counters; state that
 * layers keep. */
#include "tests/support/small_gpt.h"
#include "tests/support/stateful.h"

#include <math.h>

enum { SAMPLES = 8, MICROBATCHES = 4 };

static sluice_pipeline *open_pipeline(const sluice_model *model, const char *schedule, int ranks,
                                      bool recompute, const char *optimizer) {
    const bool all[8]               = {recompute, recompute, recompute, recompute};
    sluice_schedule *list           = make_schedule(schedule, ranks, MICROBATCHES);
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    sluice_pipeline *pipeline       = NULL;
    const int layers                = sluice_model_layer_count(model);
    static sluice_split even; /* the same number of layers on each rank, or one more */
    even.stages = ranks;
    for (int s = 0; s <= ranks; s++) even.first[s] = s * layers / ranks;
    options.samples   = SAMPLES;
    options.threads   = 1;
    options.recompute = all;
    assert_ok(sluice_optimizer_find(&options.optimizer, optimizer));
    assert_ok(sluice_pipeline_plan_and_open(&pipeline, model, list, &even, &options));
    sluice_schedule_free(list);
    return pipeline;
}

/* ---- the list ---- */

static int count_kind(const sluice_pipeline *pipeline, sluice_state_kind kind) {
    int count = 0;
    for (int k = 0; k < sluice_pipeline_state_count(pipeline); k++)
        count += sluice_pipeline_state_at(pipeline, k).kind == kind;
    return count;
}

static sluice_state find(const sluice_pipeline *pipeline, const char *name) {
    for (int k = 0; k < sluice_pipeline_state_count(pipeline); k++) {
        const sluice_state state = sluice_pipeline_state_at(pipeline, k);
        if (strcmp(state.name, name) == 0) return state;
    }
    fail_msg("there is no '%s' in the list", name);
    return (sluice_state){0};
}

static void everything_is_listed_by_name(void **state) {
    (void)state;
    sluice_model *model       = make_model(true);
    sluice_pipeline *pipeline = open_pipeline(model, "1f1b", 2, false, "adamw");
    int distinct              = 0;
    for (int u = 0; u < sluice_model_use_count(model); u++)
        distinct += sluice_model_use(model, u)->first == u;
    assert_int_equal(count_kind(pipeline, SLUICE_STATE_PARAMETER), distinct);
    assert_int_equal(count_kind(pipeline, SLUICE_STATE_OPTIMIZER), 2 * distinct);
    assert_int_equal(count_kind(pipeline, SLUICE_STATE_LAYER), 0);
    const sluice_state table  = find(pipeline, "transformer.wte.weight");
    const sluice_state second = find(pipeline, "adamw.v/transformer.ln_f.weight");
    assert_int_equal(table.rank, 0);
    assert_int_equal(second.rank, 1);
    assert_int_equal(second.kind, SLUICE_STATE_OPTIMIZER);
    assert_int_equal(sluice_shape_count(&second.shape), 24);
    sluice_pipeline_close(pipeline);

    pipeline = open_pipeline(model, "1f1b", 2, false, "sgd"); /* without momentum */
    assert_int_equal(sluice_pipeline_state_count(pipeline), distinct);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* State that lasts for one sequence does not belong to the run. */
static void state_of_layers_is_listed_and_planned(void **state) {
    (void)state;
    sluice_model *model       = make_stateful_model();
    sluice_pipeline *pipeline = open_pipeline(model, "1f1b", 2, false, "sgd");
    size_t bytes              = 0;
    assert_int_equal(count_kind(pipeline, SLUICE_STATE_LAYER), 2);
    assert_int_equal(find(pipeline, "state/first_counter.forwards").rank, 0);
    assert_int_equal(find(pipeline, "state/second_counter.forwards").rank, 1);
    for (int r = 0; r < 2; r++)
        bytes += sluice_program_memory(sluice_pipeline_program(pipeline), r).layer_states;
    assert_int_equal(bytes, 4 * 256); /* two for each layer, each in blocks of 256 */
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

static void wrong_names_and_sizes_are_refused(void **state) {
    (void)state;
    sluice_model *model       = make_model(false);
    sluice_pipeline *pipeline = open_pipeline(model, "gpipe", 2, false, "adamw");
    float values[24]          = {0};
    assert_refused(sluice_pipeline_read_state(values, 4, pipeline, "wte"), SLUICE_E_ARGUMENT,
                   "there is no state 'wte'");
    assert_refused(
        sluice_pipeline_write_state(pipeline, "adamw.m/transformer.ln_f.bias", values, 4),
        SLUICE_E_ARGUMENT, "state 'adamw.m/transformer.ln_f.bias' has 96 bytes, not 4");
    assert_refused(
        sluice_pipeline_read_parameter(values, 24, pipeline, "adamw.m/transformer.ln_f.bias"),
        SLUICE_E_ARGUMENT, "there is no parameter 'adamw.m/transformer.ln_f.bias'");
    const sluice_counters wrong = {2, 3, 1};
    assert_refused(sluice_pipeline_set_counters(pipeline, &wrong), SLUICE_E_ARGUMENT,
                   "3 updates in 2 steps");
    const sluice_counters now = sluice_pipeline_counters(pipeline);
    assert_true(now.steps == 0 && now.updates == 0 && now.seed == 1);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* ---- writing ---- */

static void what_is_written_is_read_back(void **state) {
    (void)state;
    sluice_model *model       = make_model(true);
    sluice_pipeline *pipeline = open_pipeline(model, "1f1b", 3, false, "adamw");
    for (int k = 0; k < sluice_pipeline_state_count(pipeline); k++) {
        const sluice_state it = sluice_pipeline_state_at(pipeline, k);
        const int64_t count   = sluice_shape_count(&it.shape);
        const size_t bytes    = sluice_shape_bytes(&it.shape);
        float *const put = malloc(bytes), *const got = malloc(bytes);
        assert_true(put && got);
        for (int64_t i = 0; i < count; i++) put[i] = (float)(k + i) / 7;
        assert_ok(sluice_pipeline_write_state(pipeline, it.name, put, bytes));
        assert_ok(sluice_pipeline_read_state(got, bytes, pipeline, it.name));
        assert_memory_equal(put, got, bytes);
        free(put), free(got);
    }
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* The table is on the first rank, and is the head on the last: both read what was written. */
static void a_tied_parameter_is_written_to_every_rank_that_holds_it(void **state) {
    (void)state;
    enum { COUNT = VOCABULARY * 24 };
    static float values[COUNT];
    sluice_model *model = make_model(true);
    double loss[2];
    for (int i = 0; i < COUNT; i++) values[i] = (float)(i % 13 - 6) / 20;
    for (int k = 0; k < 2; k++) {
        sluice_pipeline *pipeline = open_pipeline(model, "gpipe", 1 + 2 * k, false, "adamw");
        int64_t n                 = 3;
        const sluice_batch batch  = make_batch(SAMPLES, &n);
        assert_ok(
            sluice_pipeline_write_state(pipeline, "transformer.wte.weight", values, sizeof values));
        assert_ok(sluice_pipeline_evaluate(&loss[k], pipeline, &batch));
        sluice_pipeline_close(pipeline);
    }
    if (loss[0] != loss[1]) fail_msg("the loss is %.17g, and %.17g on 3 ranks", loss[0], loss[1]);
    sluice_model_free(model);
}

/* ---- state of layers ---- */

static sluice_batch stateful_batch(int64_t *n) {
    return (sluice_batch){
        SAMPLES,
        SAMPLES,
        {{"inputs", load_stateful_inputs, n}, {"targets", load_stateful_targets, n}},
        1e-2};
}

static void expect_forwards(sluice_pipeline *pipeline, float microbatches, const char *words) {
    static const char *const names[] = {"state/first_counter.forwards",
                                        "state/second_counter.forwards"};
    for (int k = 0; k < 2; k++) {
        float got[2];
        assert_ok(sluice_pipeline_read_state(got, sizeof got, pipeline, names[k]));
        if (got[0] != microbatches || got[1] != microbatches * SAMPLES / MICROBATCHES)
            fail_msg("%s: %s says %g forwards of %g samples, not %g", words, names[k],
                     (double)got[0], (double)got[1], (double)microbatches);
    }
}

/* Once for each micro-batch, recomputed or not; not in an evaluation. */
static void a_layer_keeps_state(void **state) {
    (void)state;
    uint64_t digests[6];
    int runs            = 0;
    sluice_model *model = make_stateful_model();
    for (int ranks = 1; ranks <= 3; ranks++)
        for (int recompute = 0; recompute < 2; recompute++) {
            sluice_pipeline *pipeline =
                open_pipeline(model, "1f1b", ranks, recompute == 1, "adamw");
            char words[64];
            snprintf(words, sizeof words, "%d ranks, recompute %d", ranks, recompute);
            expect_forwards(pipeline, 0, words);
            for (int64_t n = 0; n < 3; n++) {
                sluice_result result;
                double loss;
                const sluice_batch batch = stateful_batch(&n);
                assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
                assert_ok(sluice_pipeline_evaluate(&loss, pipeline, &batch));
            }
            expect_forwards(pipeline, 3 * MICROBATCHES, words);
            assert_ok(sluice_pipeline_digest(&digests[runs++], pipeline));
            sluice_pipeline_close(pipeline);
        }
    for (int k = 2; k < runs; k += 2) assert_true(digests[k] == digests[0]);
    sluice_model_free(model);
}

static void state_of_layers_is_in_the_digest(void **state) {
    (void)state;
    sluice_model *model       = make_stateful_model();
    sluice_pipeline *pipeline = open_pipeline(model, "1f1b", 2, false, "adamw");
    const float values[2]     = {5, 6};
    uint64_t before, after;
    assert_ok(sluice_pipeline_digest(&before, pipeline));
    assert_ok(sluice_pipeline_write_state(pipeline, "state/second_counter.forwards", values,
                                          sizeof values));
    assert_ok(sluice_pipeline_digest(&after, pipeline));
    assert_true(before != after);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* A step that is repeated to find a cause counts once. */
static void finding_a_cause_does_not_change_state(void **state) {
    (void)state;
    sluice_model *model       = make_stateful_model();
    sluice_pipeline *pipeline = open_pipeline(model, "1f1b", 2, false, "adamw");
    float bias[OUTPUTS]       = {0, NAN, 0};
    int64_t n                 = 0;
    const sluice_batch batch  = stateful_batch(&n);
    sluice_result result;
    assert_ok(sluice_pipeline_write_state(pipeline, "narrow.bias", bias, sizeof bias));
    const sluice_status got = sluice_pipeline_step(&result, pipeline, &batch);
    if (got != SLUICE_E_NONFINITE) fail_msg("%s", sluice_status_name(got));
    expect_forwards(pipeline, MICROBATCHES, "a step that is not finite");
    const sluice_counters counters = sluice_pipeline_counters(pipeline);
    assert_true(counters.steps == 1 && counters.updates == 0);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_listed_by_name),
        cmocka_unit_test(state_of_layers_is_listed_and_planned),
        cmocka_unit_test(wrong_names_and_sizes_are_refused),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(a_tied_parameter_is_written_to_every_rank_that_holds_it),
        cmocka_unit_test(a_layer_keeps_state),
        cmocka_unit_test(state_of_layers_is_in_the_digest),
        cmocka_unit_test(finding_a_cause_does_not_change_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
