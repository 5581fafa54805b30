/* SPDX-License-Identifier: MIT */
/* test_model_rows.c -- what partition knows of models and schedules: rows, layouts, what is held.
 */
#include "tests/support/stateful.h"

#include "sluice/gpt2.h"
#include "sluice/plan.h"

enum { BLOCKS = 4, LAYERS = 2 * BLOCKS + 3, LENGTH = 16 };

static sluice_model *make_model(void) {
    sluice_model *model;
    const sluice_gpt_config config = {40, LENGTH, 8, BLOCKS, 2, true, 0};
    assert_ok(sluice_gpt_model(&model, &config, LENGTH));
    return model;
}

static void rows_are_what_layers_describe(void **state) {
    (void)state;
    sluice_model *model = make_model();
    sluice_profile_layer *rows;
    int64_t parameters = 0;
    assert_ok(sluice_model_rows(&rows, model, 2, SLUICE_PRECISION_FP32));
    for (int l = 0; l < LAYERS; l++) {
        parameters += rows[l].parameters;
        assert_int_equal(rows[l].parameter_bytes, 4 * (size_t)rows[l].parameters);
        if (l > 0) assert_int_equal(rows[l].memory.input, rows[l - 1].output_bytes);
    }
    assert_string_equal(rows[0].name, "transformer");
    assert_string_equal(rows[0].tie, "transformer.wte.weight");
    assert_string_equal(rows[LAYERS - 1].tie, "transformer.wte.weight");
    assert_null(rows[1].tie);
    assert_int_equal(rows[LAYERS - 1].output_bytes, 0);
    assert_int_equal(parameters - rows[LAYERS - 1].parameters, sluice_model_parameter_count(model));
    sluice_model_rows_free(rows, LAYERS);
    sluice_model_free(model);
}

static void rows_have_the_state_of_layers(void **state) {
    (void)state;
    sluice_model *model = make_stateful_model();
    const int layers    = sluice_model_layer_count(model);
    sluice_profile_layer *rows;
    assert_ok(sluice_model_rows(&rows, model, 2, SLUICE_PRECISION_FP32));
    for (int l = 0; l < layers; l++) {
        sluice_layer_description described;
        size_t bytes = 0;
        assert_ok(sluice_model_describe(&described, model, l, 2, SLUICE_PRECISION_FP32));
        for (int k = 0; k < described.state_count; k++)
            bytes += sluice_shape_bytes(&described.states[k].shape);
        assert_int_equal(rows[l].state_bytes, bytes);
        assert_true((bytes > 0) == (l == 1 || l == 3));
    }
    sluice_model_rows_free(rows, layers);
    sluice_model_free(model);
}

/* The state of layers is permanent, and a rank holds it. */
static void the_state_of_layers_is_held(void **state) {
    (void)state;
    sluice_model *model = make_stateful_model();
    const int layers    = sluice_model_layer_count(model);
    sluice_profile_layer *rows;
    sluice_partition problem = SLUICE_PARTITION_INIT;
    sluice_partition_load with, without;
    assert_ok(sluice_model_rows(&rows, model, 2, SLUICE_PRECISION_FP32));
    assert_int_equal(rows[0].state_bytes, 0);
    assert_int_equal(rows[1].state_bytes, (2 + 8) * sizeof(float)); /* "forwards" and "cache" */
    const sluice_profile_layer *all = rows;
    const sluice_split split        = {1, {0, layers}};
    problem.layer_count             = layers;
    problem.layers                  = &all;
    assert_ok(sluice_partition_loads(&with, &problem, &split));
    rows[1].state_bytes = 0;
    assert_ok(sluice_partition_loads(&without, &problem, &split));
    assert_true(with.bytes == without.bytes + (2 + 8) * sizeof(float));
    sluice_model_rows_free(rows, layers);
    sluice_model_free(model);
}

/* The exact partitioner on rows makes the split that a plan has by default. */
static void rows_give_the_default_split(void **state) {
    (void)state;
    sluice_model *model = make_model();
    sluice_profile_layer *rows;
    assert_ok(sluice_model_rows(&rows, model, 2, SLUICE_PRECISION_FP32));
    for (int stages = 1; stages <= LAYERS; stages++) {
        const sluice_profile_layer *layers[LAYERS];
        sluice_partition problem = SLUICE_PARTITION_INIT;
        sluice_partition_result result;
        sluice_split split;
        for (int r = 0; r < stages; r++) layers[r] = rows;
        problem.layer_count = LAYERS;
        problem.stages = problem.ranks = stages;
        problem.layers                 = layers;
        assert_ok(sluice_partition_solve(&result, &problem));
        assert_ok(sluice_split_from_model(&split, model, stages, 2, 1));
        for (int s = 0; s <= stages; s++) assert_int_equal(result.split.first[s], split.first[s]);
    }
    sluice_model_rows_free(rows, LAYERS);
    sluice_model_free(model);
}

static void a_gpt_has_layouts(void **state) {
    (void)state;
    sluice_model *model = make_model();
    sluice_layout_layer layers[LAYERS];
    sluice_split split;
    assert_ok(sluice_model_layout(layers, model));
    assert_ok(sluice_layout_parse(&split, "Et|(t|)*2tL", 11, layers, LAYERS));
    assert_int_equal(split.stages, 4);
    assert_int_equal(split.first[1], 3); /* embedding, attention, mlp */
    assert_int_equal(split.first[2], 5);
    assert_int_equal(split.first[3], 7);
    assert_int_equal(split.first[4], LAYERS);
    sluice_model_free(model);
}

static void other_models_have_none(void **state) {
    (void)state;
    sluice_model *model;
    sluice_layout_layer layers[2];
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {4}}));
    assert_ok(sluice_model_add(model, sluice_layer_relu(), NULL, "first"));
    assert_ok(sluice_model_add(model, sluice_layer_squared_error(), NULL, "loss"));
    assert_refused(sluice_model_layout(layers, model), SLUICE_E_ARGUMENT,
                   "layer 0 ('first') is neither an embedding nor part of a block, and a layout "
                   "has nothing else before its loss");
    sluice_model_free(model);
}

/* Rank r of 1f1b keeps min(m, p - r) micro-batches. */
static void what_is_held_is_what_the_schedule_promises(void **state) {
    (void)state;
    sluice_schedule *schedule;
    sluice_program *program;
    sluice_held *held;
    int count, most[4] = {0};
    sluice_schedule_options shape  = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_program_options options = SLUICE_PROGRAM_OPTIONS_INIT;
    shape.ranks                    = 4;
    shape.microbatches             = 8;
    options.samples                = 8;
    assert_ok(sluice_schedule_generate(&schedule, "1f1b", &shape));
    assert_ok(sluice_program_compile(&program, schedule, NULL, NULL, &options));
    assert_ok(sluice_held_make(&held, &count, program));
    for (int k = 0; k < count; k++) {
        assert_true(held[k].begins);
        if (held[k].counts[SLUICE_HELD_SAVED_WEIGHT] > most[held[k].stage])
            most[held[k].stage] = held[k].counts[SLUICE_HELD_SAVED_WEIGHT];
    }
    for (int r = 0; r < 4; r++) assert_int_equal(most[r], 4 - r);
    sluice_held_free(held);
    sluice_program_free(program);
    sluice_schedule_free(schedule);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_what_layers_describe),
        cmocka_unit_test(rows_have_the_state_of_layers),
        cmocka_unit_test(the_state_of_layers_is_held),
        cmocka_unit_test(rows_give_the_default_split),
        cmocka_unit_test(a_gpt_has_layouts),
        cmocka_unit_test(other_models_have_none),
        cmocka_unit_test(what_is_held_is_what_the_schedule_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
