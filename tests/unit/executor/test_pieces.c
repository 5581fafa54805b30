/* SPDX-License-Identifier: MIT */
/* test_pieces.c -- parameters in pieces: named, initialized, listed, digested, saved and loaded one
 * by one; layers and updates know only the whole. */
#include "tests/support/files.h"
#include "tests/support/pieces.h"
#include "tests/support/trainer.h"

#include "sluice/file.h"
#include "sluice/pipeline.h"
#include "sluice/save.h"

enum { SAMPLES = 8, MICROBATCHES = 4 };
/* Elements of block.split.weight, of its first piece and of the second. */
static const int64_t weights = (int64_t)INPUTS * HIDDEN, above = (int64_t)2 * HIDDEN,
                     below = (int64_t)(INPUTS - 2) * HIDDEN;

static sluice_pipeline *open_on(const sluice_model *model, int ranks) {
    const sluice_schedule_options plan = {sizeof plan, .ranks = ranks,
                                          .microbatches = MICROBATCHES};
    sluice_pipeline_options options    = SLUICE_PIPELINE_OPTIONS_INIT;
    const int layers                   = sluice_model_layer_count(model);
    sluice_split even                  = {.stages = ranks};
    sluice_pipeline *pipeline          = NULL;
    sluice_schedule *schedule          = NULL;
    for (int s = 0; s <= ranks; s++) even.first[s] = s * layers / ranks;
    options.samples = SAMPLES;
    options.threads = 1;
    options.seed    = 5;
    assert_ok(sluice_schedule_generate(&schedule, "1f1b", &plan));
    assert_ok(sluice_pipeline_plan_and_open(&pipeline, model, schedule, &even, &options));
    sluice_schedule_free(schedule);
    return pipeline;
}

static void go(sluice_pipeline *pipeline, int64_t from, int64_t to) {
    for (int64_t n = from; n < to; n++) {
        sluice_result result;
        const sluice_batch batch = {
            SAMPLES,
            SAMPLES,
            {{"inputs", load_stateful_inputs, &n}, {"targets", load_stateful_targets, &n}},
            1e-2};
        assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
    }
}

/* ---- names ---- */

static const struct {
    const char *name;
    int rows, columns; /* 0: a vector */
} expected[] = {{"block.split.upper", 2, HIDDEN},
                {"block.lower", INPUTS - 2, HIDDEN},
                {"block.split.first", 1, 0},
                {"block.split.second", 2, 0},
                {"block.split.third", HIDDEN - 3, 0}};
enum { EXPECTED = sizeof expected / sizeof *expected };

static void expect_state(const sluice_pipeline *pipeline, int index, const char *prefix, int k) {
    const sluice_state state = sluice_pipeline_state_at(pipeline, index);
    char name[64];
    (void)snprintf(name, sizeof name, "%s%s", prefix, expected[k].name);
    if (strcmp(state.name, name) != 0)
        fail_msg("entry %d of the list of state is '%s', not '%s'", index, state.name, name);
    assert_int_equal(state.shape.dim_count, expected[k].columns > 0 ? 2 : 1);
    assert_int_equal(state.shape.dims[0], expected[k].rows);
    if (expected[k].columns > 0) assert_int_equal(state.shape.dims[1], expected[k].columns);
    assert_int_equal(state.rank, 0);
}

static void pieces_are_listed_instead_of_their_parameter(void **state) {
    (void)state;
    sluice_model *const model       = make_pieces_model(false);
    sluice_pipeline *const pipeline = open_on(model, 2);
    assert_string_equal(sluice_model_use(model, 0)->name, "block.split.weight");
    assert_int_equal(sluice_pipeline_state_count(pipeline), 3 * (EXPECTED + 2));
    for (int k = 0; k < EXPECTED; k++) expect_state(pipeline, k, "", k);
    for (int k = 0; k < 2; k++) { /* m and v of the weight, then those of the bias */
        expect_state(pipeline, EXPECTED + 2 + k, "adamw.m/", k);
        expect_state(pipeline, EXPECTED + 4 + k, "adamw.v/", k);
    }
    for (int k = 0; k < 3; k++) expect_state(pipeline, EXPECTED + 6 + k, "adamw.m/", 2 + k);
    float values[INPUTS * HIDDEN];
    assert_refused(sluice_pipeline_read_parameter(values, weights, pipeline, "block.split.weight"),
                   SLUICE_E_ARGUMENT, "there is no parameter 'block.split.weight'");
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* ---- values ---- */

/* As if each piece were a parameter: its name decides, not where it lies. */
static void pieces_are_initialized_by_their_own_names(void **state) {
    (void)state;
    sluice_model *const model       = make_pieces_model(false);
    sluice_pipeline *const pipeline = open_on(model, 1);
    for (int k = 0; k < 2; k++) {
        const int64_t count      = (int64_t)expected[k].rows * HIDDEN;
        sluice_parameter_use one = *sluice_model_use(model, 0);
        float alone[INPUTS * HIDDEN], got[INPUTS * HIDDEN];
        one.name                    = expected[k].name;
        one.parameter.piece_count   = 0;
        one.parameter.shape.dims[0] = expected[k].rows;
        sluice_parameter_initialize(alone, &one, 5);
        assert_ok(sluice_pipeline_read_parameter(got, count, pipeline, one.name));
        for (int64_t i = 0; i < count; i++)
            if (got[i] != alone[i])
                fail_msg("element %d of '%s' begins as %g; as a parameter of its own it is %g",
                         (int)i, one.name, (double)got[i], (double)alone[i]);
    }
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* A range that begins and ends anywhere has the values of the whole. */
static void parts_of_initial_values_are_those_of_the_whole(void **state) {
    (void)state;
    sluice_model *const model             = make_pieces_model(false);
    const sluice_parameter_use *const use = sluice_model_use(model, 0);
    float whole[INPUTS * HIDDEN], part[INPUTS * HIDDEN];
    sluice_parameter_initialize(whole, use, 3);
    for (int first = 0; first < INPUTS * HIDDEN; first++)
        for (int count = 1; first + count <= INPUTS * HIDDEN; count++) {
            memset(part, 0, sizeof part);
            sluice_parameter_initialize_part(part, use, 3, first, count);
            if (memcmp(part, whole + first, (size_t)count * sizeof *part) != 0)
                fail_msg("elements %d to %d begin with other values than in the whole parameter",
                         first, first + count - 1);
        }
    sluice_model_free(model);
}

/* What is written into a piece is there, and nowhere else. */
static void a_piece_is_written_alone(void **state) {
    (void)state;
    sluice_model *const model = make_pieces_model(false);
    for (int ranks = 1; ranks <= 2; ranks++) {
        sluice_pipeline *const pipeline = open_on(model, ranks);
        const int count                 = sluice_pipeline_state_count(pipeline);
        for (int k = 0; k < count; k++) {
            const sluice_state it = sluice_pipeline_state_at(pipeline, k);
            float values[INPUTS * HIDDEN];
            for (int64_t i = 0; i < sluice_shape_count(&it.shape); i++)
                values[i] = (float)(100L * k + i);
            assert_ok(sluice_pipeline_write_state(pipeline, it.name, values,
                                                  sluice_shape_bytes(&it.shape)));
        }
        for (int k = 0; k < count; k++) {
            const sluice_state it = sluice_pipeline_state_at(pipeline, k);
            float values[INPUTS * HIDDEN];
            assert_ok(sluice_pipeline_read_state(values, sluice_shape_bytes(&it.shape), pipeline,
                                                 it.name));
            for (int64_t i = 0; i < sluice_shape_count(&it.shape); i++)
                if (values[i] != (float)(100L * k + i))
                    fail_msg("element %d of '%s' is %g after %d was written", (int)i, it.name,
                             (double)values[i], (int)(100L * k + i));
        }
        sluice_pipeline_close(pipeline);
    }
    sluice_model_free(model);
}

/* The layers read the whole: the model without pieces, given the same values, trains to the same.
 */
static void training_knows_only_the_whole(void **state) {
    (void)state;
    const sluice_linear_config wide   = pieces_config();
    const sluice_linear_config narrow = {.inputs = HIDDEN, .outputs = OUTPUTS};
    sluice_model *const model = make_pieces_model(false), *plain = NULL;
    float weight[INPUTS * HIDDEN], upper[2 * HIDDEN], lower[(INPUTS - 2) * HIDDEN];
    assert_ok(sluice_model_create(&plain, &(sluice_shape){SLUICE_TYPE_F32, 1, {INPUTS}}));
    assert_ok(sluice_model_add(plain, sluice_layer_linear(), &wide, "block.split"));
    assert_ok(sluice_model_add(plain, sluice_layer_relu(), NULL, "relu"));
    assert_ok(sluice_model_add(plain, sluice_layer_linear(), &narrow, "narrow"));
    assert_ok(sluice_model_add(plain, sluice_layer_squared_error(), NULL, "error"));
    sluice_parameter_initialize(weight, sluice_model_use(model, 0), 5);
    sluice_pipeline *const whole = open_on(plain, 2), *const pipeline = open_on(model, 2);
    assert_ok(sluice_pipeline_write_parameter(whole, "block.split.weight", weight, weights));
    go(whole, 0, 3);
    go(pipeline, 0, 3);
    assert_ok(sluice_pipeline_read_parameter(weight, weights, whole, "block.split.weight"));
    assert_ok(sluice_pipeline_read_parameter(upper, above, pipeline, "block.split.upper"));
    assert_ok(sluice_pipeline_read_parameter(lower, below, pipeline, "block.lower"));
    assert_memory_equal(upper, weight, sizeof upper);
    assert_memory_equal(lower, weight + above, sizeof lower);
    sluice_pipeline_close(pipeline);
    sluice_pipeline_close(whole);
    sluice_model_free(plain);
    sluice_model_free(model);
}

/* ---- digests and saves ---- */

static void expect_tensors(const char *path, const char *prefix) {
    sluice_safetensors *file;
    assert_ok(sluice_safetensors_open(&file, path));
    for (int k = 0; k < EXPECTED; k++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s%s", prefix, expected[k].name);
        if (!sluice_safetensors_find(file, name)) fail_msg("%s has no tensor '%s'", path, name);
    }
    sluice_safetensors_close(file);
}

/* Saved after 2 steps on `p` ranks, and gone on with on `q`: as without an interruption. */
static void check_resume(const sluice_model *model, int p, int q, uint64_t uninterrupted) {
    const folder in               = folder_make();
    sluice_pipeline *const before = open_on(model, p), *const after = open_on(model, q);
    sluice_save *save = NULL;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/save", in.path);
    go(before, 0, 2);
    assert_ok(sluice_pipeline_save(before, path, NULL));
    expect_tensors(folder_path(&in, "save/model.safetensors"), "");
    expect_tensors(folder_path(&in, "save/optimizer.safetensors"), "adamw.m/");
    assert_ok(sluice_save_open(&save, path));
    assert_ok(sluice_pipeline_load(after, save));
    sluice_save_close(save);
    assert_true(digest_of(before) == digest_of(after));
    go(after, 2, 4);
    if (digest_of(after) != uninterrupted)
        fail_msg("saved on %d ranks and resumed on %d, training ends with other weights", p, q);
    sluice_pipeline_close(after);
    sluice_pipeline_close(before);
    folder_remove(&in);
}

static void digests_and_resumes_do_not_depend_on_the_split(void **state) {
    (void)state;
    for (int tied = 0; tied < 2; tied++) {
        sluice_model *const model = make_pieces_model(tied == 1);
        uint64_t first            = 0;
        for (int ranks = 1; ranks <= 4; ranks++) {
            sluice_pipeline *const pipeline = open_on(model, ranks);
            go(pipeline, 0, 4);
            const uint64_t digest = digest_of(pipeline);
            if (ranks == 1) first = digest;
            if (digest != first)
                fail_msg("on %d ranks the digest is %016llx, on one %016llx", ranks,
                         (unsigned long long)digest, (unsigned long long)first);
            sluice_pipeline_close(pipeline);
            check_resume(model, ranks, 5 - ranks, first);
        }
        sluice_model_free(model);
    }
}

/* ---- ties ---- */

static void a_tied_parameter_has_the_pieces_of_the_first(void **state) {
    (void)state;
    sluice_model *const model = make_pieces_model(true);
    int again                 = 0;
    while (sluice_model_use(model, again)->first == again) again++;
    const sluice_parameter_use *const use = sluice_model_use(model, again);
    assert_string_equal(use->name, "block.split.weight");
    assert_int_equal(sluice_parameter_tensor_count(use), 2);
    const sluice_parameter_tensor lower = sluice_parameter_tensor_at(use, 1);
    assert_string_equal(lower.name, "block.lower");
    assert_int_equal(lower.first, 2 * HIDDEN);
    sluice_pipeline *const pipeline = open_on(model, 2);
    for (int k = 0; k < sluice_pipeline_state_count(pipeline); k++)
        assert_null(strstr(sluice_pipeline_state_at(pipeline, k).name, "again.upper"));
    sluice_pipeline_close(pipeline);
    assert_refused(sluice_model_tie(model, "narrow.weight", "block.lower"), SLUICE_E_ARGUMENT,
                   "the last layer has no parameter 'narrow.weight' that could be tied");
    sluice_model_free(model);
}

/* ---- what is refused ---- */

static sluice_parameter_piece planted[SLUICE_PARAMETER_PIECES];
static int planted_count;

static sluice_status describe_planted(sluice_layer_description *out, const void *config,
                                      const sluice_shape *input, sluice_precision precision) {
    const sluice_status status = sluice_layer_linear()->describe(out, config, input, precision);
    if (status != SLUICE_OK) return status;
    out->parameters[0].piece_count = planted_count;
    memcpy(out->parameters[0].pieces, planted, sizeof planted);
    return SLUICE_OK;
}

static void expect_refused(int count, sluice_parameter_piece first, sluice_parameter_piece second,
                           const char *what) {
    const sluice_linear_config wide = pieces_config();
    sluice_layer_kind kind          = *sluice_layer_linear();
    sluice_model *model             = NULL;
    kind.name                       = "planted";
    kind.describe                   = describe_planted;
    planted_count                   = count;
    planted[0]                      = first;
    planted[1]                      = second;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {INPUTS}}));
    assert_refused(sluice_model_add(model, &kind, &wide, "a"), SLUICE_E_ARGUMENT, what);
    assert_int_equal(sluice_model_use_count(model), 0);
    sluice_model_free(model);
}

static void impossible_pieces_are_refused(void **state) {
    (void)state;
    const sluice_parameter_piece one = {"one", 2}, rest = {"rest", 4}, more = {"more", 5};
    const sluice_parameter_piece none = {"none", 0}, unnamed = {NULL, 4},
                                 huge = {"huge", INT64_MAX};
    static const char missing[] = "layer kind 'planted' describes 'weight' (6, 10) float32 in "
                                  "pieces, one of which has no name, or as many rows as it cannot "
                                  "have";
    expect_refused(2, one, more,
                   "layer kind 'planted' describes 'weight' (6, 10) float32 in 2 pieces with 7 "
                   "rows in all");
    expect_refused(1, one, rest,
                   "layer kind 'planted' describes 'weight' (6, 10) float32 in 1 pieces with 2 "
                   "rows in all");
    expect_refused(2, one, none, missing);
    expect_refused(2, one, unnamed, missing);
    expect_refused(2, huge, huge, missing);
    expect_refused(4, one, rest,
                   "layer kind 'planted' describes 'weight' of 2 dimensions in 4 pieces; a "
                   "parameter has rows, and may have 3 pieces");
    expect_refused(2, one, (sluice_parameter_piece){"one", 4},
                   "layers 'a' and 'a' both call a parameter 'a.one'");
    expect_refused(2, one, (sluice_parameter_piece){"bias", 4},
                   "layers 'a' and 'a' both call a parameter 'a.bias'");
}

static void names_of_pieces_are_taken(void **state) {
    (void)state;
    const sluice_linear_config wide = pieces_config();
    const sluice_linear_config back = {.inputs = HIDDEN, .outputs = INPUTS};
    sluice_model *model             = NULL;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {INPUTS}}));
    assert_ok(sluice_model_add(model, pieces_kind(), &wide, "block.split"));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &back, "back"));
    assert_refused(sluice_model_add(model, pieces_kind(), &wide, "block.more"), SLUICE_E_ARGUMENT,
                   "layers 'block.split' and 'block.more' both call a parameter 'block.lower'");
    assert_int_equal(sluice_model_layer_count(model), 2);
    assert_refused(sluice_model_tie(model, "back.weight", "block.lower"), SLUICE_E_ARGUMENT,
                   "no earlier layer has a parameter 'block.lower' for 'back.weight'");
    sluice_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_listed_instead_of_their_parameter),
        cmocka_unit_test(pieces_are_initialized_by_their_own_names),
        cmocka_unit_test(parts_of_initial_values_are_those_of_the_whole),
        cmocka_unit_test(a_piece_is_written_alone),
        cmocka_unit_test(training_knows_only_the_whole),
        cmocka_unit_test(digests_and_resumes_do_not_depend_on_the_split),
        cmocka_unit_test(a_tied_parameter_has_the_pieces_of_the_first),
        cmocka_unit_test(impossible_pieces_are_refused),
        cmocka_unit_test(names_of_pieces_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
