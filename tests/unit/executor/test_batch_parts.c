/* SPDX-License-Identifier: MIT */
/*
 * test_batch_parts.c -- parts of the batch that layers read by name, on any stage: they are loaded
 * there, kept as long as the layer says, and the bits are those of one rank.
 */
#include "tests/support/bf16_device.h"
#include "tests/support/plain_loop.h"
#include "tests/support/poison.h"
#include "tests/support/weighed.h"

#include <stdatomic.h>

enum { ROWS = 4, WIDTH = 16, SAMPLES = 7, MICROBATCHES = 3, STEPS = 3 };
enum { LAYERS = 5 };

static sluice_model *make_model(weigh_config config) {
    sluice_model *model;
    const sluice_linear_config linear = {.inputs = WIDTH, .outputs = WIDTH};
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 2, {ROWS, WIDTH}}));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &linear, "first"));
    assert_ok(sluice_model_add(model, weigh_kind(), &config, "weigh"));
    assert_ok(sluice_model_add(model, recall_kind(), NULL, "recall"));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &linear, "second"));
    assert_ok(sluice_model_add(model, weighed_error_kind(), NULL, "error"));
    return model;
}

/* ---- minibatches ---- */

typedef struct minibatch {
    float inputs[SAMPLES * ROWS * WIDTH], targets[SAMPLES * ROWS * WIDTH];
    float weights[SAMPLES * ROWS];
    atomic_int loads; /* number of weights */
} minibatch;

static void fill(minibatch *out) {
    uint64_t random = 5;
    for (int k = 0; k < SAMPLES * ROWS * WIDTH; k++) {
        out->inputs[k]  = (float)test_random_int(&random, -1000, 1000) * 1e-3F;
        out->targets[k] = (float)test_random_int(&random, -1000, 1000) * 1e-3F;
    }
    for (int k = 0; k < SAMPLES * ROWS; k++)
        out->weights[k] = (float)test_random_int(&random, 1, 1000) * 1e-3F;
    atomic_store(&out->loads, 0);
}

static sluice_status load(const float *from, void *to, int64_t first, int64_t samples,
                          size_t each) {
    memcpy(to, from + (size_t)first * each, (size_t)samples * each * sizeof *from);
    return SLUICE_OK;
}

static sluice_status load_inputs(void *context, void *to, int64_t first, int64_t samples) {
    return load(((minibatch *)context)->inputs, to, first, samples, (size_t)ROWS * WIDTH);
}

static sluice_status load_targets(void *context, void *to, int64_t first, int64_t samples) {
    return load(((minibatch *)context)->targets, to, first, samples, (size_t)ROWS * WIDTH);
}

static sluice_status load_weights(void *context, void *to, int64_t first, int64_t samples) {
    atomic_fetch_add(&((minibatch *)context)->loads, 1);
    return load(((minibatch *)context)->weights, to, first, samples, ROWS);
}

static sluice_batch batch_of(minibatch *from) {
    return (sluice_batch){SAMPLES,
                          SAMPLES,
                          {{"targets", load_targets, from},
                           {"more", NULL, NULL}, /* nobody reads it */
                           {"weights", load_weights, from},
                           {"inputs", load_inputs, from}},
                          1e-2};
}

/* ---- pipelines ---- */

typedef struct setting {
    weigh_config config;
    sluice_precision precision;
    const char *schedule;
    int ranks;
    unsigned recompute; /* bit s: stage s */
    bool poisoned;
} setting;

/* With 3 or more stages the weighing layer is alone on stage 1. */
static sluice_split split_for(int stages) {
    static const int first[][LAYERS + 1] = {
        {0, 5}, {0, 2, 5}, {0, 1, 2, 5}, {0, 1, 2, 4, 5}, {0, 1, 2, 3, 4, 5}};
    sluice_split split = {.stages = stages};
    for (int s = 0; s <= stages; s++) split.first[s] = first[stages - 1][s];
    return split;
}

static sluice_pipeline *make_pipeline(const setting *with, const sluice_model *model) {
    sluice_schedule_options shape   = SLUICE_SCHEDULE_OPTIONS_INIT;
    sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    const sluice__parts parts       = {.device = bf16_device(),
                                       .watch  = with->poisoned ? poison_the_dead : NULL};
    const sluice_split split        = split_for(with->ranks);
    sluice_schedule *schedule;
    sluice_pipeline *pipeline;
    bool recompute[LAYERS];
    for (int s = 0; s < LAYERS; s++) recompute[s] = with->recompute >> s & 1;
    shape.ranks        = with->ranks;
    shape.microbatches = MICROBATCHES;
    assert_ok(sluice_schedule_generate(&schedule, with->schedule, &shape));
    options.samples   = SAMPLES;
    options.threads   = 1;
    options.precision = with->precision;
    options.recompute = recompute;
    assert_ok(sluice__pipeline_plan_and_open(&pipeline, model, schedule, &split, &options, &parts));
    sluice_schedule_free(schedule);
    return pipeline;
}

typedef struct outcome {
    double loss[STEPS], norm[STEPS], held_out;
    uint64_t digest;
} outcome;

static outcome train(const setting *with) {
    static minibatch from;
    sluice_model *const model       = make_model(with->config);
    sluice_pipeline *const pipeline = make_pipeline(with, model);
    const sluice_batch batch        = batch_of(&from);
    outcome out                     = {0};
    fill(&from);
    for (int n = 0; n < STEPS; n++) {
        sluice_result result;
        assert_ok(sluice_pipeline_step(&result, pipeline, &batch));
        out.loss[n] = result.loss;
        out.norm[n] = result.norm;
    }
    /* Loaded once for each stage, or twice if a stage reads them in two types. */
    const bool apart = with->ranks > 1, two = with->config.narrow;
    const int times = apart || (two && with->precision == SLUICE_PRECISION_BF16) ? 2 : 1;
    assert_int_equal(atomic_load(&from.loads), STEPS * MICROBATCHES * times);
    assert_ok(sluice_pipeline_evaluate(&out.held_out, pipeline, &batch));
    assert_ok(sluice_pipeline_digest(&out.digest, pipeline));
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
    if (with->poisoned) poison_end(with->ranks);
    return out;
}

static outcome train_plainly(const setting *with) {
    static minibatch from;
    static const int64_t sizes[] = {3, 2, 2}, held_out[] = {3, 3, 1};
    const sluice_pipeline_options options = SLUICE_PIPELINE_OPTIONS_INIT;
    const sluice_adamw_config usual       = SLUICE_ADAMW_CONFIG_INIT;
    const sluice_adamw update             = {.learning_rate = 1e-2,
                                             .weight_decay  = usual.weight_decay,
                                             .beta1         = usual.beta1,
                                             .beta2         = usual.beta2,
                                             .epsilon       = usual.epsilon};
    sluice_model *const model             = make_model(with->config);
    plain_loop loop   = plain_loop_open_in(model, bf16_device(), with->precision, 1, options.seed);
    plain_batch batch = {from.inputs, from.targets, sizes, MICROBATCHES, SAMPLES};
    outcome out       = {0};
    fill(&from);
    loop.other_name = "weights";
    loop.other      = from.weights;
    for (int n = 0; n < STEPS; n++) {
        out.loss[n] = plain_loop_step(&loop, &batch);
        out.norm[n] = plain_loop_update(&loop, &update, options.clip);
    }
    batch.sizes  = held_out;
    out.held_out = plain_loop_evaluate(&loop, &batch);
    out.digest   = plain_loop_digest(&loop);
    plain_loop_close(&loop);
    sluice_model_free(model);
    return out;
}

static void assert_same(const outcome *plain, const outcome *piped, const setting *with) {
    if (memcmp(plain, piped, sizeof *plain) == 0) return;
    fail_msg("%s, %d ranks, %s, until %d%s, recompute %x%s: losses %.17g, %.17g; a plain loop has "
             "%.17g, %.17g",
             with->schedule, with->ranks, sluice_precision_name(with->precision),
             (int)with->config.until, with->config.narrow ? ", narrow" : "", with->recompute,
             with->poisoned ? ", poisoned" : "", piped->loss[0], piped->loss[2], plain->loss[0],
             plain->loss[2]);
}

static void parts_reach_the_layers_that_name_them(void **state) {
    (void)state;
    static const char *const names[]  = {"gpipe", "1f1b", "zb1p"};
    static const unsigned recompute[] = {0, 0xFF, 2, 5};
    int runs                          = 0;
    for (int kind = 0; kind < 12; kind++) {
        setting with        = {.config    = {(sluice_until)(kind % 3), kind / 3 % 2},
                               .precision = kind < 6 ? SLUICE_PRECISION_FP32 : SLUICE_PRECISION_BF16};
        const outcome plain = train_plainly(&with);
        if (!(plain.loss[2] < plain.loss[0])) fail_msg("it does not learn");
        for (int k = 0; k < 120; k++) {
            with.ranks     = 1 + k % 5;
            with.schedule  = names[k / 5 % 3];
            with.recompute = recompute[k / 15 % 4];
            with.poisoned  = k / 60;
            if (!test_picks(k + kind, 4, 29)) continue;
            const outcome piped = train(&with);
            assert_same(&plain, &piped, &with);
            runs++;
        }
    }
    print_message("%d runs compared\n", runs);
}

/* In bf16 the type in which a layer reads the weights changes the bits. */
static void a_layer_chooses_the_type_it_reads(void **state) {
    (void)state;
    setting with       = {{SLUICE_UNTIL_INPUT, false}, SLUICE_PRECISION_BF16, "1f1b", 3, 0, false};
    const outcome wide = train(&with);
    with.config.narrow = true;
    const outcome narrow = train(&with);
    if (wide.loss[0] == narrow.loss[0]) fail_msg("the weights have the same bits in both types");
}

/* ---- how long parts are kept ---- */

/* Whether the weighing layer's stage must still have its part at this instruction. */
static bool needs_part(const sluice_instruction *at, sluice_until until) {
    switch (at->kind) {
    case SLUICE_INSTRUCTION_FORWARD:
    case SLUICE_INSTRUCTION_RECOMPUTE:
        return true;
    case SLUICE_INSTRUCTION_BACKWARD:
    case SLUICE_INSTRUCTION_BACKWARD_INPUT:
        return until >= SLUICE_UNTIL_INPUT;
    case SLUICE_INSTRUCTION_BACKWARD_WEIGHT:
        return until >= SLUICE_UNTIL_WEIGHT;
    default:
        return false;
    }
}

static void parts_are_kept_as_long_as_layers_ask(void **state) {
    (void)state;
    for (int kind = 0; kind < 12; kind++) {
        const setting with              = {{(sluice_until)(kind % 3), false},
                                           SLUICE_PRECISION_FP32,
                              kind / 3 % 2 ? "zb1p" : "1f1b",
                                           3,
                              kind / 6 ? 2 : 0,
                                           false};
        sluice_model *const model       = make_model(with.config);
        sluice_pipeline *const pipeline = make_pipeline(&with, model);
        int count, recomputes = 0;
        const sluice_program *const program  = sluice_pipeline_program(pipeline);
        const sluice_instruction *const list = sluice_program_list(&count, program, 1);
        for (int n = 0; n < count; n++) {
            if (list[n].peer >= 0 || list[n].microbatch < 0) continue;
            const size_t samples = list[n].microbatch == 0 ? 3 : 2;
            const size_t bytes   = samples * ROWS * sizeof(float);
            assert_int_equal(sluice_program_slot(program, 1, &list[n], SLUICE_ROLE_BATCH).bytes,
                             needs_part(&list[n], with.config.until) ? bytes : 0);
            recomputes += list[n].kind == SLUICE_INSTRUCTION_RECOMPUTE;
        }
        if ((recomputes > 0) != (with.recompute > 0)) fail_msg("%d are recomputed", recomputes);
        sluice_pipeline_close(pipeline);
        sluice_model_free(model);
    }
}

/* ---- what is refused ---- */

static void a_batch_without_a_part_is_refused(void **state) {
    (void)state;
    static minibatch from;
    const setting with = {{SLUICE_UNTIL_INPUT, false}, SLUICE_PRECISION_FP32, "1f1b", 3, 0, false};
    sluice_model *const model       = make_model(with.config);
    sluice_pipeline *const pipeline = make_pipeline(&with, model);
    const sluice_batch whole        = batch_of(&from);
    sluice_batch batch              = whole;
    sluice_result result;
    double loss;
    fill(&from);
    batch.parts[2].name = "weight";
    assert_refused(sluice_pipeline_step(&result, pipeline, &batch), SLUICE_E_ARGUMENT,
                   "the model reads 'weights', and the batch has targets, more, weight, inputs");
    assert_refused(sluice_pipeline_evaluate(&loss, pipeline, &batch), SLUICE_E_ARGUMENT,
                   "the model reads 'weights', and the batch has targets, more, weight, inputs");
    batch.parts[2] = (sluice_batch_part){"weights", NULL, &from};
    assert_refused(sluice_pipeline_step(&result, pipeline, &batch), SLUICE_E_ARGUMENT,
                   "the batch has no callback that loads 'weights'");
    memset(batch.parts, 0, sizeof batch.parts);
    assert_refused(sluice_pipeline_step(&result, pipeline, &batch), SLUICE_E_ARGUMENT,
                   "the model reads 'inputs', and the batch has nothing");
    assert_ok(sluice_pipeline_step(&result, pipeline, &whole)); /* the pipeline still works */
    sluice_pipeline_close(pipeline);
    sluice_model_free(model);
}

/* ---- models whose layers disagree ---- */

/* Reads the parts that its configuration names. */
typedef struct reader_config {
    const char *name;
    sluice_shape shape[SLUICE_PRECISIONS];
} reader_config;

static sluice_status reader_describe(sluice_layer_description *out, const void *config,
                                     const sluice_shape *input, sluice_precision precision) {
    const reader_config *const c = config;
    *out =
        (sluice_layer_description){.output      = *input,
                                   .batch_count = 1,
                                   .batch = {{c->name, c->shape[precision], SLUICE_UNTIL_INPUT}}};
    return SLUICE_OK;
}

static const sluice_layer_kind reader = {.size         = sizeof(sluice_layer_kind),
                                         .name         = "reader",
                                         .config_bytes = sizeof(reader_config),
                                         .describe     = reader_describe};

static reader_config reads(const char *name, sluice_shape shape, sluice_shape in_bf16) {
    return (reader_config){name, {shape, shape, in_bf16}};
}

static void layers_that_disagree_are_refused(void **state) {
    (void)state;
    const sluice_shape weights = {SLUICE_TYPE_F32, 2, {1, ROWS}};
    const sluice_shape longer  = {SLUICE_TYPE_F32, 2, {1, ROWS + 1}};
    const sluice_shape integer = {SLUICE_TYPE_I32, 2, {1, ROWS}};
    const sluice_shape narrow  = {SLUICE_TYPE_BF16, 2, {1, ROWS}};
    const sluice_shape half    = {SLUICE_TYPE_F16, 2, {1, ROWS}};
    const struct {
        reader_config config;
        const char *says;
    } bad[] = {
        {reads("weights", longer, longer),
         "layer 'other' reads 'weights' of the batch as (1, 5) float32 for one sample, which is "
         "(1, 4) float32 already"},
        {reads("weights", integer, integer),
         "layer 'other' reads 'weights' of the batch as (1, 4) int32 for one sample, which is "
         "(1, 4) float32 already"},
        {reads("inputs", weights, weights),
         "layer 'other' reads 'inputs' of the batch as (1, 4) float32 for one sample, which is "
         "(1, 4, 16) float32 already"},
        {reads("weights", weights, longer),
         "layer 'other' reads 'weights' of the batch as (1, 5) float32 in bf16, and (1, 4) float32 "
         "in fp32"},
        {reads("weights", weights, half),
         "layer 'other' reads 'weights' of the batch as (1, 4) float16 in bf16, and (1, 4) float32 "
         "in fp32"},
        {reads("positions", integer, narrow), "layer 'other' reads 'positions' of the batch as (1, "
                                              "4) bfloat16 in bf16, and (1, 4) int32 "
                                              "in fp32"},
    };
    sluice_model *model;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 2, {ROWS, WIDTH}}));
    assert_ok(
        sluice_model_add(model, weigh_kind(), &(weigh_config){SLUICE_UNTIL_INPUT, false}, "weigh"));
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_refused(sluice_model_add(model, &reader, &bad[k].config, "other"), SLUICE_E_ARGUMENT,
                       bad[k].says);
        assert_int_equal(sluice_model_batch_count(model), 2);
        assert_int_equal(sluice_model_layer_count(model), 1);
    }
    const reader_config fine = reads("weights", weights, narrow);
    assert_ok(sluice_model_add(model, &reader, &fine, "other"));
    assert_int_equal(sluice_model_batch_count(model), 2);
    assert_string_equal(sluice_model_batch(model, 0)->name, "inputs");
    assert_string_equal(sluice_model_batch(model, 1)->name, "weights");
    sluice_model_free(model);
}

static void a_model_reads_a_limited_number_of_parts(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    const sluice_shape each          = {SLUICE_TYPE_F32, 1, {1}};
    sluice_model *model;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_TYPE_F32, 1, {WIDTH}}));
    for (int k = 0; k < SLUICE_BATCH_PARTS - 1; k++) {
        const reader_config config = reads(names[k], each, each);
        assert_ok(sluice_model_add(model, &reader, &config, names[k]));
    }
    const reader_config config = reads("h", each, each);
    assert_refused(sluice_model_add(model, &reader, &config, "last"), SLUICE_E_ARGUMENT,
                   "layer 'last' reads 'h' of the batch, one part too many: a model reads at most "
                   "8");
    assert_int_equal(sluice_model_batch_count(model), SLUICE_BATCH_PARTS);
    sluice_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_reach_the_layers_that_name_them),
        cmocka_unit_test(a_layer_chooses_the_type_it_reads),
        cmocka_unit_test(parts_are_kept_as_long_as_layers_ask),
        cmocka_unit_test(a_batch_without_a_part_is_refused),
        cmocka_unit_test(layers_that_disagree_are_refused),
        cmocka_unit_test(a_model_reads_a_limited_number_of_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
