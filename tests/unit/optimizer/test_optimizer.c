/* SPDX-License-Identifier: MIT */
/*
 * test_optimizer.c -- every optimizer against float64, whole and cut in two; its options by name;
 * its state of each parameter; and a custom kind that trains.
 */
#include "tests/support/reference64.h"
#include "tests/support/small_gpt.h"
#include "tests/support/teams.h"

#include <math.h>

enum { COUNT = 40000, CUT = 20480, UPDATES = 3 }; /* more than one block */

static const double rate = 0.05, clip = 0.5;

/* ---- the table: one row for each kind and way to use it ---- */

static void adamw64(double *master, double *states[], const double *gradient, double decays,
                    int64_t step) {
    const sluice_adamw_config c = SLUICE_ADAMW_CONFIG_INIT;
    reference_adamw(master, states[0], states[1], gradient, COUNT, rate, decays * c.weight_decay,
                    c.beta1, c.beta2, c.epsilon, clip, step);
}

static const sluice_sgd_config plain = {0, 0.02}, moving = {0.9, 0.02};

static void sgd64(double *master, double *states[], const double *gradient, double decays,
                  int64_t step) {
    (void)states;
    reference_sgd(master, NULL, gradient, COUNT, rate, decays * plain.weight_decay, 0, clip, step);
}

static void momentum64(double *master, double *states[], const double *gradient, double decays,
                       int64_t step) {
    reference_sgd(master, states[0], gradient, COUNT, rate, decays * moving.weight_decay,
                  moving.momentum, clip, step);
}

static const struct row {
    const char *label, *name;
    const void *config; /* NULL: the defaults */
    int states;
    void (*reference)(double *master, double *states[], const double *gradient, double decays,
                      int64_t step);
} rows[] = {
    {"adamw", "adamw", NULL, 2, adamw64},
    {"sgd", "sgd", &plain, 0, sgd64},
    {"sgd with momentum", "sgd", &moving, 1, momentum64},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const sluice_optimizer_kind *kind_of(const struct row *row) {
    const sluice_optimizer_kind *kind = NULL;
    assert_ok(sluice_optimizer_find(&kind, row->name));
    return kind;
}

static const void *config_of(const struct row *row) {
    return row->config ? row->config : kind_of(row)->defaults;
}

static void every_kind_has_a_row(void **state) {
    (void)state;
    for (const sluice_optimizer_kind *const *kind = sluice_optimizers(); *kind; kind++) {
        int found = 0;
        for (int r = 0; r < ROWS; r++) found += kind_of(&rows[r]) == *kind;
        if (found == 0) fail_msg("optimizer '%s' has no row in this test", (*kind)->name);
        assert_int_equal((*kind)->size, sizeof **kind);
        assert_ok(sluice_optimizer_check(*kind, (*kind)->defaults));
        if (!((*kind)->learning_rate > 0)) fail_msg("%s has no learning rate", (*kind)->name);
    }
    for (int r = 0; r < ROWS; r++)
        assert_int_equal(kind_of(&rows[r])->state_count(config_of(&rows[r])), rows[r].states);
}

/* ---- the numbers ---- */

/* One parameter and its state, as one or as two tensors. */
typedef struct parameter {
    float *master, *working, *gradient, *states[SLUICE_UPDATE_STATES];
    sluice_update_tensor tensors[2];
    int count;
} parameter;

static float *zeros(void) {
    float *const made = calloc(COUNT, sizeof *made);
    assert_non_null(made);
    return made;
}

static sluice_update_tensor part(const parameter *p, int states, int64_t first, int64_t end) {
    sluice_update_tensor tensor = {.master   = p->master + first,
                                   .working  = p->working + first,
                                   .gradient = p->gradient + first,
                                   .count    = end - first,
                                   .decays   = true};
    for (int s = 0; s < states; s++) tensor.states[s] = p->states[s] + first;
    return tensor;
}

static parameter make_parameter(uint64_t seed, int states, bool is_cut) {
    parameter p = {.master = zeros(), .working = zeros(), .gradient = zeros()};
    for (int i = 0; i < COUNT; i++) {
        p.master[i]   = (float)test_random_int(&seed, -1000000, 1000000) * 1e-6F;
        p.gradient[i] = (float)test_random_int(&seed, -1000000, 1000000) * 1e-6F;
    }
    for (int s = 0; s < states; s++) p.states[s] = zeros();
    p.count      = is_cut ? 2 : 1;
    p.tensors[0] = part(&p, states, 0, is_cut ? CUT : COUNT);
    p.tensors[1] = part(&p, states, CUT, COUNT);
    return p;
}

static void free_parameter(parameter *p) {
    free(p->master), free(p->working), free(p->gradient);
    for (int s = 0; s < SLUICE_UPDATE_STATES; s++) free(p->states[s]);
}

static void update(const struct row *row, const parameter *p, int64_t number) {
    const sluice_optimizer_step step = {rate, clip, number};
    assert_ok(
        kind_of(row)->update(streams[1], operations, p->tensors, p->count, config_of(row), &step));
    assert_ok(ops->synchronize(streams[1]));
}

static void expect_close(const struct row *row, const char *what, const float *got,
                         const double *expected) {
    for (int i = 0; i < COUNT; i++)
        if (!(fabs((double)got[i] - expected[i]) <= 1e-6 * (1 + fabs(expected[i]))))
            fail_msg("%s, %s: element %d is %.9g, not %.9g", row->label, what, i, (double)got[i],
                     expected[i]);
}

static void check_numbers(const struct row *row) {
    const uint64_t seed    = test_seed();
    parameter p            = make_parameter(seed, row->states, false);
    double *const master   = reference_copy(p.master, COUNT);
    double *const gradient = reference_copy(p.gradient, COUNT);
    double *const state[2] = {calloc(COUNT, sizeof(double)), calloc(COUNT, sizeof(double))};
    double *states[]       = {state[0], state[1]};
    for (int64_t number = 1; number <= UPDATES; number++) {
        update(row, &p, number);
        row->reference(master, states, gradient, 1, number);
        expect_close(row, "the master", p.master, master);
        for (int s = 0; s < row->states; s++)
            expect_close(row, kind_of(row)->states[s].name, p.states[s], states[s]);
        assert_memory_equal(p.working, p.master, COUNT * sizeof *p.master);
    }
    free(master), free(gradient), free(state[0]), free(state[1]);
    free_parameter(&p);
}

static void updates_agree_with_float64(void **state) {
    (void)state;
    for (int r = 0; r < ROWS; r++) check_numbers(&rows[r]);
}

/* An elementwise optimizer updates the halves of a tensor as it does the whole. */
static void elementwise_updates_may_be_cut(void **state) {
    (void)state;
    for (int r = 0; r < ROWS; r++) {
        if (!kind_of(&rows[r])->elementwise) continue;
        const uint64_t seed = test_seed();
        parameter whole     = make_parameter(seed, rows[r].states, false);
        parameter cut       = make_parameter(seed, rows[r].states, true);
        for (int64_t number = 1; number <= UPDATES; number++) {
            update(&rows[r], &whole, number);
            update(&rows[r], &cut, number);
        }
        assert_memory_equal(whole.master, cut.master, COUNT * sizeof *whole.master);
        for (int s = 0; s < rows[r].states; s++)
            assert_memory_equal(whole.states[s], cut.states[s], COUNT * sizeof *whole.master);
        free_parameter(&whole), free_parameter(&cut);
    }
}

/* ---- options ---- */

static void options_are_set_by_name(void **state) {
    (void)state;
    sluice_sgd_config sgd = SLUICE_SGD_CONFIG_INIT;
    assert_ok(sluice_optimizer_set(&sgd, sluice_optimizer_sgd(), "momentum", 0.8));
    assert_true(sgd.momentum == 0.8 && sgd.weight_decay == 0.1);
    assert_refused(sluice_optimizer_set(&sgd, sluice_optimizer_sgd(), "momentum", 1),
                   SLUICE_E_ARGUMENT, "momentum is 1; it must be from 0 to 1");
    assert_refused(sluice_optimizer_set(&sgd, sluice_optimizer_sgd(), "beta1", 0.5),
                   SLUICE_E_ARGUMENT, "optimizer 'sgd' has no option 'beta1'");
    assert_string_equal(sluice_last_error()->hint, "it has: momentum, weight_decay");
    assert_true(sgd.momentum == 0.8);
}

static void bad_options_are_refused(void **state) {
    (void)state;
    const sluice_optimizer_kind *kind = NULL;
    assert_refused(sluice_optimizer_find(&kind, "adam"), SLUICE_E_ARGUMENT,
                   "no optimizer is called 'adam'");
    assert_string_equal(sluice_last_error()->hint, "choose one of: adamw, sgd");
    assert_null(kind);
    sluice_adamw_config adamw = SLUICE_ADAMW_CONFIG_INIT;
    adamw.beta1               = NAN;
    assert_refused(sluice_optimizer_check(sluice_optimizer_adamw(), &adamw), SLUICE_E_ARGUMENT,
                   "beta1 is nan; it must be from 0 to 1");
    sluice_optimizer_kind strange = *sluice_optimizer_adamw();
    strange.size                  = 8;
    const int is_refused = sluice_optimizer_check(&strange, strange.defaults) == SLUICE_E_ARGUMENT;
    assert_true(is_refused);
    strange.size      = sizeof strange;
    strange.states[1] = (sluice_optimizer_state){"v", SLUICE_TYPE_BF16};
    assert_refused(sluice_optimizer_check(&strange, strange.defaults), SLUICE_E_ARGUMENT,
                   "state 1 of optimizer 'adamw' must have a name and be float32");
}

/* ---- in a pipeline ---- */

static sluice_pipeline *make_pipeline_of(const sluice_optimizer_kind *kind, const void *config,
                                         const sluice_model *model) {
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    options.samples                 = 4;
    options.threads                 = 1;
    options.optimizer               = kind;
    options.optimizer_config        = config;
    sluice_schedule *schedule       = make_schedule("1f1b", 2, 2);
    sluice_pipeline *pipeline       = NULL;
    assert_ok(sluice_pipeline_plan_and_open(&pipeline, model, schedule, NULL, &options));
    sluice_schedule_free(schedule);
    return pipeline;
}

/* 16, 8 and 12 bytes a parameter. */
static void a_pipeline_plans_the_state_of_its_optimizer(void **state) {
    (void)state;
    sluice_model *model = make_model(true);
    for (int r = 0; r < ROWS; r++) {
        sluice_pipeline *pipeline = make_pipeline_of(kind_of(&rows[r]), rows[r].config, model);
        for (int rank = 0; rank < 2; rank++) {
            const sluice_program_bytes bytes =
                sluice_program_memory(sluice_pipeline_program(pipeline), rank);
            if (bytes.states != (size_t)rows[r].states * bytes.parameters)
                fail_msg("%s keeps %zu bytes for parameters of %zu", rows[r].label, bytes.states,
                         bytes.parameters);
        }
        sluice_pipeline_close(pipeline);
    }
    sluice_model_free(model);
}

/* A custom kind, for devices whose memory the host can access: steps of one size, by sign. */
static sluice_status step_by_sign(sluice_stream *stream, const sluice_operations *table,
                                  const sluice_update_tensor *tensors, int count,
                                  const void *config, const sluice_optimizer_step *step) {
    (void)stream, (void)table, (void)config;
    for (int t = 0; t < count; t++)
        for (int64_t i = 0; i < tensors[t].count; i++) {
            const float g = tensors[t].gradient[i];
            tensors[t].states[0][i] += 1;
            tensors[t].master[i] -= (float)step->learning_rate * (float)((g > 0) - (g < 0));
        }
    return SLUICE_OK;
}

static int keep_one(const void *config) {
    (void)config;
    return 1;
}

static void a_custom_kind_trains(void **state) {
    (void)state;
    const sluice_optimizer_kind kind = {.size        = sizeof kind,
                                        .name        = "sign",
                                        .states      = {{"updates", SLUICE_TYPE_F32}},
                                        .state_count = keep_one,
                                        .elementwise = true,
                                        .update      = step_by_sign};
    sluice_model *model              = make_model(true);
    sluice_pipeline *pipeline        = make_pipeline_of(&kind, NULL, model);
    int64_t n                        = 0;
    sluice_batch batch               = make_batch(4, &n);
    batch.learning_rate              = 2e-3;
    sluice_result first, result;
    assert_ok(sluice_pipeline_step(&first, pipeline, &batch));
    for (int k = 0; k < 9; k++) assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
    if (!(result.loss < first.loss)) fail_msg("the loss is %g, then %g", first.loss, result.loss);
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

static int open_cpu(void **state) {
    (void)state;
    ops = sluice_devices()[0];
    open_teams();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_row),
        cmocka_unit_test(updates_agree_with_float64),
        cmocka_unit_test(elementwise_updates_may_be_cut),
        cmocka_unit_test(options_are_set_by_name),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(a_pipeline_plans_the_state_of_its_optimizer),
        cmocka_unit_test(a_custom_kind_trains),
    };
    return cmocka_run_group_tests(tests, open_cpu, close_teams);
}
