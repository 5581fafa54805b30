/* SPDX-License-Identifier: MIT */
/*
 * test_failure.c -- whatever goes wrong in a step ends it on every rank, soon, with one message:
 * layers that fail or get stuck, links that lose, swap or break, numbers that are not finite.
 */
#include "tests/support/faulty.h"
#include "tests/support/isolated_transport.h"
#include "tests/support/support.h"
#include "tests/support/trainer.h"

#include <math.h>
#include <stdatomic.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/executor/executor.h"
#include "sluice/model.h"
#include "sluice/pipeline.h"

enum { WIDTH = 6, SAMPLES = 8, MICROBATCHES = 4 };

static const sluice__transport_ops *transport; /* `local`, or as the argument says */

/* ---- a layer that passes its input on until it fails ---- */

typedef enum fault_kind { HEALTHY, FAILS, STICKS, OVERFLOWS } fault_kind;
enum { IN_F, IN_I, IN_W };

typedef struct fragile_config {
    int number; /* its index in the model */
} fragile_config;

/* The faulty layer: the action and the micro-batch at which it fails. */
static struct {
    atomic_int what, number, action, microbatch;
    atomic_bool released, stuck;
} illness;

static void set_fault(fault_kind what, int number, int action, int microbatch) {
    atomic_store(&illness.what, what);
    atomic_store(&illness.number, number);
    atomic_store(&illness.action, action);
    atomic_store(&illness.microbatch, microbatch);
    atomic_store(&illness.released, false);
    atomic_store(&illness.stuck, false);
}

static sluice_status fragile_describe(sluice_layer_description *out, const void *config,
                                      const sluice_shape *input, sluice_precision precision) {
    (void)config, (void)precision;
    *out = (sluice_layer_description){.output = *input, .stash_count = 1, .stash = {4}};
    return SLUICE_OK;
}

static void *pointer_to(float *value) {
    return value;
}

static sluice_status fragile_act(const sluice_layer_call *call, int action) {
    const fragile_config *config = call->config;
    const int64_t count          = sluice_shape_count(&call->input_shape);
    float *const to              = action == IN_F ? call->output : call->input_gradient;
    const void *from             = action == IN_F ? call->input : call->output_gradient;
    if (action != IN_W)
        SLUICE__TRY(call->ops->copy(call->stream, to, from, (size_t)count * sizeof(float)));
    if (illness.what == HEALTHY || illness.number != config->number || illness.action != action)
        return SLUICE_OK;
    const int64_t first = call->random.first_sample, each = SAMPLES / MICROBATCHES;
    if (count == 0 || first != illness.microbatch * each) return SLUICE_OK;
    static float infinity = INFINITY;
    switch (atomic_load(&illness.what)) {
    case FAILS:
        return sluice_fail(SLUICE_E_DEVICE, "this layer fails");
    case OVERFLOWS:
        return call->ops->upload(call->stream, to, pointer_to(&infinity), sizeof *to);
    default:
        atomic_store(&illness.stuck, true);
        while (!atomic_load(&illness.released)) nanosleep(&(struct timespec){0, 1000000}, NULL);
        return SLUICE_OK;
    }
}

static sluice_status fragile_forward(const sluice_layer_call *call) {
    return fragile_act(call, IN_F);
}

static sluice_status fragile_backward_input(const sluice_layer_call *call) {
    return fragile_act(call, IN_I);
}

static sluice_status fragile_backward_weight(const sluice_layer_call *call) {
    return fragile_act(call, IN_W);
}

static const sluice_layer_kind fragile = {.size            = sizeof(sluice_layer_kind),
                                          .name            = "fragile",
                                          .config_bytes    = sizeof(fragile_config),
                                          .describe        = fragile_describe,
                                          .forward         = fragile_forward,
                                          .backward_input  = fragile_backward_input,
                                          .backward_weight = fragile_backward_weight};

/* ---- a model of such layers between linear ones, a pair for each of three stages ---- */

static sluice_model *make_model(void) {
    sluice_model *model;
    const sluice_linear_config linear = {.inputs = WIDTH, .outputs = WIDTH};
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {WIDTH}}));
    for (int k = 0; k < 3; k++) {
        char name[32];
        (void)snprintf(name, sizeof name, "linear%d", k);
        assert_ok(sluice_model_add(model, sluice_layer_linear(), &linear, name));
        (void)snprintf(name, sizeof name, "fragile%d", k);
        assert_ok(sluice_model_add(model, &fragile, &(fragile_config){k}, name));
    }
    assert_ok(sluice_model_add(model, sluice_layer_squared_error(), NULL, "error"));
    return model;
}

/* One stage has everything, or each of three has a linear layer and a layer that may fail. */
static sluice_split split_for(int ranks) {
    sluice_split split = {.stages = ranks};
    for (int s = 1; s < ranks; s++) split.first[s] = 2 * s;
    split.first[ranks] = 7;
    return split;
}

static sluice_pipeline *make_pipeline(const sluice_model *model, const char *name, int ranks,
                                      double deadline, const sluice__transport_ops *joined_by) {
    sluice_schedule_options shape = SLUICE_SCHEDULE_OPTIONS_INIT;
    shape.ranks                   = ranks;
    shape.microbatches            = MICROBATCHES;
    sluice_schedule *schedule;
    assert_ok(sluice_schedule_generate(&schedule, name, &shape));
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    options.samples                 = SAMPLES;
    options.threads                 = 1;
    options.deadline_s              = deadline;
    const sluice_split split        = split_for(ranks);
    sluice_pipeline *pipeline;
    const sluice__parts parts = {.transport = joined_by};
    assert_ok(sluice__pipeline_plan_and_open(&pipeline, model, schedule, &split, &options, &parts));
    sluice_schedule_free(schedule);
    return pipeline;
}

/* ---- minibatches ---- */

typedef struct source {
    int64_t n;
    bool infinite; /* an input of sample 3 */
} source;

static sluice_status load_inputs(void *context, void *to, int64_t first, int64_t samples) {
    const source *from = context;
    for (int64_t k = 0; k < samples * WIDTH; k++)
        ((float *)to)[k] = (float)((first * WIDTH + k + from->n) % 7) / 7;
    if (from->infinite && first <= 3 && 3 < first + samples)
        ((float *)to)[(3 - first) * WIDTH] = INFINITY;
    return SLUICE_OK;
}

static sluice_status load_targets(void *context, void *to, int64_t first, int64_t samples) {
    source shifted   = *(source *)context;
    shifted.n        = shifted.n + 1;
    shifted.infinite = false;
    return load_inputs(&shifted, to, first, samples);
}

static sluice_batch make_batch(source *from) {
    return (sluice_batch){
        SAMPLES, SAMPLES, {{"inputs", load_inputs, from}, {"targets", load_targets, from}}, 1e-2};
}

static sluice_status step(sluice_pipeline *pipeline, int64_t n) {
    source from              = {n, false};
    const sluice_batch batch = make_batch(&from);
    sluice_result result;
    return sluice_pipeline_step(&result, pipeline, &batch);
}

/* ---- layers that fail ---- */

static void a_failing_layer_is_named(void **state) {
    (void)state;
    static const struct {
        int ranks, number, action, microbatch;
        const char *says;
    } rows[] = {
        {3, 1, IN_F, 2, "rank 1, stage 1, 1F2: this layer fails"},
        {3, 0, IN_I, 0, "rank 0, stage 0, 0B0: this layer fails"},
        {3, 2, IN_W, 3, "rank 2, stage 2, 2B3: this layer fails"},
        {1, 2, IN_I, 1, "rank 0, stage 0, 0B1: this layer fails"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sluice_model *model       = make_model();
        sluice_pipeline *pipeline = make_pipeline(model, "1f1b", rows[k].ranks, 60, transport);
        set_fault(HEALTHY, 0, 0, 0);
        assert_ok(step(pipeline, 0));
        const uint64_t before = digest_of(pipeline);
        set_fault(FAILS, rows[k].number, rows[k].action, rows[k].microbatch);
        const double start = sluice__now();
        assert_refused(step(pipeline, 1), SLUICE_E_DEVICE, rows[k].says);
        if (sluice__now() - start > 20) fail_msg("row %zu took %g s", k, sluice__now() - start);
        set_fault(HEALTHY, 0, 0, 0);
        assert_refused(step(pipeline, 2), SLUICE_E_DEVICE, rows[k].says); /* kept */
        if (digest_of(pipeline) != before) fail_msg("row %zu: the weights changed", k);
        sluice_pipeline_close(pipeline);
        sluice_model_free(model);
    }
}

/* ---- layers that get stuck ---- */

static void wait_until_gone(void) {
    atomic_store(&illness.released, true); /* the rank returns, and frees its pipeline */
    nanosleep(&(struct timespec){0, 200000000}, NULL);
}

static void a_stuck_rank_is_given_up(void **state) {
    (void)state;
    static const struct {
        int ranks, number;
        const char *says;
    } rows[] = {
        {1, 0, "no rank finished anything for 0.3 s: rank 0 is at 0F1"},
        {3, 0,
         "rank 1, stage 1, 1RECV_F1: no rank finished anything for 0.3 s: rank 1 waits for "
         "1RECV_F1; rank 0 is at 0F1; rank 2 waits for 2RECV_F1"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sluice_model *model       = make_model();
        sluice_pipeline *pipeline = make_pipeline(model, "gpipe", rows[k].ranks, 0.3, transport);
        set_fault(STICKS, rows[k].number, IN_F, 1);
        const double start      = sluice__now();
        const sluice_status got = step(pipeline, 0);
        const char *what        = sluice_last_error()->what;
        /* Either waiting rank may be the first to see it. */
        if (got != SLUICE_E_DEADLINE || !strstr(what, "no rank finished anything for 0.3 s") ||
            !strstr(what, "rank 0 is at 0F1") ||
            (rows[k].ranks == 1 && strcmp(what, rows[k].says) != 0))
            fail_msg("row %zu: %s: %s", k, sluice_status_name(got), what);
        if (sluice__now() - start > 10) fail_msg("row %zu took %g s", k, sluice__now() - start);
        assert_true(atomic_load(&illness.stuck));
        uint64_t digest; /* no other rank has the answer */
        if (sluice_pipeline_digest(&digest, pipeline) != SLUICE_E_DEADLINE)
            fail_msg("row %zu: parameters are read from a rank that is stuck", k);
        sluice_pipeline_close(pipeline);
        wait_until_gone();
        sluice_model_free(model);
    }
}

/* A rank that returns after the failure, but before the pipeline is closed, is joined as usual. */
static void a_rank_may_return_late(void **state) {
    (void)state;
    sluice_model *model       = make_model();
    sluice_pipeline *pipeline = make_pipeline(model, "1f1b", 3, 0.2, transport);
    set_fault(STICKS, 2, IN_I, 0);
    assert_int_equal(step(pipeline, 0), SLUICE_E_DEADLINE);
    wait_until_gone();
    set_fault(HEALTHY, 0, 0, 0);
    (void)digest_of(pipeline);
    assert_int_equal(step(pipeline, 1), SLUICE_E_DEADLINE); /* kept */
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* ---- links that fail ---- */

enum { STEPS = 2 };

static sluice_status train_on(const sluice__transport_ops *joined_by, const char *schedule,
                              double deadline, uint64_t *digest) {
    sluice_model *model       = make_model();
    sluice_pipeline *pipeline = make_pipeline(model, schedule, 3, deadline, joined_by);
    sluice_status status      = SLUICE_OK;
    for (int n = 0; n < STEPS && status == SLUICE_OK; n++) status = step(pipeline, n);
    const sluice_error error = *sluice_last_error();
    if (status == SLUICE_OK) *digest = digest_of(pipeline);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    return status == SLUICE_OK ? status : sluice__fail_again(&error);
}

/* Delays of up to a millisecond anywhere do not change the bits. */
static void delays_change_nothing(void **state) {
    (void)state;
    uint64_t expected = 0, digest = 0;
    set_fault(HEALTHY, 0, 0, 0);
    assert_ok(train_on(transport, "gpipe", 60, &expected));
    const uint64_t seed = test_seed();
    const int trials    = getenv("SLUICE_LONG") ? 200 : 12;
    for (int trial = 0; trial < trials; trial++) {
        faulty_start(FAULTY_NOTHING, 0, 1000, seed + (uint64_t)trial);
        assert_ok(train_on(faulty_transport(transport), trial % 2 ? "1f1b" : "gpipe", 60, &digest));
        if (digest != expected) fail_msg("trial %d: other bits with delays", trial);
    }
}

/* A message that names a rank and its instruction: "rank 1, stage 1, 1RECV_F2: ...". A rank that
 * has finished its micro-batches may be the first to notice: then the others are named. */
static bool names_rank_and_instruction(const char *what) {
    return test_matches(what, "rank [0-2], stage [0-2], [0-2][A-Z_]+[0-3]: .{10,}|"
                              "rank [0-2], norm: .*rank [0-2] waits for [0-2][A-Z_]+[0-3].*");
}

static void a_fault_of_a_link_is_reported(void **state) {
    (void)state;
    uint64_t random = test_seed(), expected = 0, digest = 0;
    set_fault(HEALTHY, 0, 0, 0);
    assert_ok(train_on(transport, "gpipe", 60, &expected));
    const int trials = getenv("SLUICE_LONG") ? 300 : 30;
    int reported = 0, harmless = 0;
    for (int trial = 0; trial < trials; trial++) {
        const faulty_kind kind = (faulty_kind)(FAULTY_DROP + trial % 3);
        const int n            = test_random_int(&random, 0, 33); /* a step has 16 sends */
        faulty_start(kind, n, 100, (uint64_t)trial);
        const double start = sluice__now();
        const sluice_status status =
            train_on(faulty_transport(transport), trial % 2 ? "1f1b" : "gpipe", 0.4, &digest);
        const double seconds = sluice__now() - start;
        const char *what     = sluice_last_error()->what;
        if (seconds > 15) fail_msg("trial %d took %g s", trial, seconds);
        if (status == SLUICE_OK) {
            /* Sends on two links may be swapped: that has no effect. */
            if (faulty_fired() && kind != FAULTY_REORDER) fail_msg("trial %d: not noticed", trial);
            if (digest != expected) fail_msg("trial %d: other bits", trial);
            harmless++;
            continue;
        }
        const bool fits = kind == FAULTY_FAIL
                              ? status == SLUICE_E_DEVICE && strstr(what, "the cable is cut")
                              : status == SLUICE_E_DEADLINE || status == SLUICE_E_SCHEDULE;
        if (!faulty_fired() || !fits || !names_rank_and_instruction(what))
            fail_msg("trial %d, fault %d at send %d: %s: %s", trial, (int)kind, n,
                     sluice_status_name(status), what);
        reported++;
    }
    print_message("%d faults reported, %d without effect\n", reported, harmless);
    if (reported < trials / 2) fail_msg("only %d of %d faults were reported", reported, trials);
}

/* ---- numbers that are not finite ---- */

static void the_first_layer_that_is_not_finite_is_named(void **state) {
    (void)state;
    static const struct {
        int ranks, number, action, microbatch;
        const char *says;
    } rows[] = {
        {3, 1, IN_F, 2,
         "step 2, micro-batch 2: the loss is inf; the first value that is not finite is the output "
         "of "
         "layer "
         "'fragile1' \\(stage 1, rank 1\\); nothing was updated"},
        {1, 1, IN_F, 0,
         "step 2, micro-batch 0: the loss is inf; the first value that is not finite is the output "
         "of "
         "layer "
         "'fragile1' \\(stage 0, rank 0\\); nothing was updated"},
        {3, 2, IN_F, 3,
         "step 2, micro-batch 3: the loss is inf; the first value that is not finite is the output "
         "of "
         "layer "
         "'fragile2' \\(stage 2, rank 2\\); nothing was updated"},
        {3, 1, IN_I, 1,
         "step 2, micro-batch 1: the loss is 0\\.[0-9]+ and the gradient norm (inf|nan); in "
         "backward the first value that is not finite is the gradient of 'linear1.bias' in layer "
         "'linear1' \\(stage "
         "1, rank "
         "1\\); nothing was updated"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sluice_model *model       = make_model();
        sluice_pipeline *pipeline = make_pipeline(model, "1f1b", rows[k].ranks, 60, transport);
        set_fault(HEALTHY, 0, 0, 0);
        assert_ok(step(pipeline, 0));
        const uint64_t before = digest_of(pipeline);
        set_fault(OVERFLOWS, rows[k].number, rows[k].action, rows[k].microbatch);
        const sluice_status got = step(pipeline, 1);
        if (got != SLUICE_E_NONFINITE || !test_matches(sluice_last_error()->what, rows[k].says))
            fail_msg("row %zu: %s: '%s', expected '%s'", k, sluice_status_name(got),
                     sluice_last_error()->what, rows[k].says);
        if (digest_of(pipeline) != before) fail_msg("row %zu: the weights changed", k);
        set_fault(HEALTHY, 0, 0, 0);
        assert_ok(step(pipeline, 2)); /* the pipeline still works */
        sluice_pipeline_close(pipeline);
        sluice_model_free(model);
    }
}

static void inputs_that_are_not_finite_are_named(void **state) {
    (void)state;
    sluice_model *model       = make_model();
    sluice_pipeline *pipeline = make_pipeline(model, "gpipe", 3, 60, transport);
    source from               = {0, true};
    const sluice_batch batch  = make_batch(&from);
    sluice_result result;
    set_fault(HEALTHY, 0, 0, 0);
    assert_refused(
        sluice_pipeline_step(&result, pipeline, &batch), SLUICE_E_NONFINITE,
        "step 1, micro-batch 1: the loss is nan because the inputs are not finite; nothing "
        "was updated");
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* A minibatch that was not finite leaves no trace: the bits are as if it had been left out. */
static void a_skipped_minibatch_leaves_no_trace(void **state) {
    (void)state;
    uint64_t digests[2];
    for (int with = 0; with < 2; with++) {
        sluice_model *model       = make_model();
        sluice_pipeline *pipeline = make_pipeline(model, "1f1b", 3, 60, transport);
        for (int n = 0; n < 4; n++) {
            set_fault(n == 2 ? OVERFLOWS : HEALTHY, 1, n % 2 ? IN_I : IN_F, 1);
            if (n == 2 && !with) continue;
            const sluice_status got = step(pipeline, n);
            if (got != (n == 2 ? SLUICE_E_NONFINITE : SLUICE_OK))
                fail_msg("step %d: %s", n, sluice_status_name(got));
        }
        digests[with] = digest_of(pipeline);
        sluice_pipeline_close(pipeline);
        sluice_model_free(model);
    }
    if (digests[0] != digests[1]) fail_msg("the minibatch left a trace");
}

int main(int argc, char **argv) {
    transport = isolated_if_asked(argc, argv);
    if (!transport) transport = sluice__transport_local();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_layer_is_named),
        cmocka_unit_test(a_stuck_rank_is_given_up),
        cmocka_unit_test(a_rank_may_return_late),
        cmocka_unit_test(delays_change_nothing),
        cmocka_unit_test(a_fault_of_a_link_is_reported),
        cmocka_unit_test(the_first_layer_that_is_not_finite_is_named),
        cmocka_unit_test(inputs_that_are_not_finite_are_named),
        cmocka_unit_test(a_skipped_minibatch_leaves_no_trace),
    };
    return cmocka_run_group_tests_name("failure", tests, NULL, NULL);
}
