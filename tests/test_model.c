/* SPDX-License-Identifier: MIT */
/* test_model.c -- models: names, ties, counts, initial values, errors; a whole GPT against float64.
 */
#include "sluice/model.h"

#include "tests/layer64.h"
#include "tests/plain_loop.h"
#include "tests/support.h"

/* ---- presets and names ---- */

static void test_preset_counts(void **unused) {
    (void)unused;
    const struct {
        const char *name;
        int64_t vocabulary, count;
        int layers;
    } presets[] = {
        {"gpt-nano",  256, 224640,     11},
        {"gpt-mini",  256, 1255424,    15},
        {"gpt2-124m", 256, 124439808,  27}, /* its vocabulary is not open */
        {"gpt2-350m", 0,   354823168,  51},
        {"gpt2-774m", 0,   774030080,  75},
        {"gpt2-1.5b", 0,   1557611200, 99},
    };
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        sluice_gpt_config config;
        sluice_model *model = NULL;
        assert_ok(sluice_gpt_preset(&config, presets[i].name, presets[i].vocabulary));
        assert_ok(sluice_gpt_model(&model, &config, config.positions));
        assert_int_equal(sluice_model_parameter_count(model), presets[i].count);
        assert_int_equal(sluice_model_layer_count(model), presets[i].layers);
        assert_int_equal(sluice_model_weight_per_sample(model), config.positions);
        sluice_model_free(model);
    }
}

static const sluice_gpt_config tiny        = {13, 8, 12, 2, 3, true};
static const sluice_gpt_config tiny_untied = {13, 8, 12, 2, 3, false};

static sluice_model *make_gpt(const sluice_gpt_config *config, int64_t length) {
    sluice_model *model = NULL;
    assert_ok(sluice_gpt_model(&model, config, length));
    return model;
}

static void test_names(void **unused) {
    (void)unused;
    const char *const expected[] = {
        "transformer.wte.weight",
        "transformer.wpe.weight",
        "transformer.h.0.ln_1.weight",
        "transformer.h.0.ln_1.bias",
        "transformer.h.0.attn.c_attn.weight",
        "transformer.h.0.attn.c_attn.bias",
        "transformer.h.0.attn.c_proj.weight",
        "transformer.h.0.attn.c_proj.bias",
        "transformer.h.0.ln_2.weight",
        "transformer.h.0.ln_2.bias",
        "transformer.h.0.mlp.c_fc.weight",
        "transformer.h.0.mlp.c_fc.bias",
        "transformer.h.0.mlp.c_proj.weight",
        "transformer.h.0.mlp.c_proj.bias",
        "transformer.h.1.ln_1.weight",
        "transformer.h.1.ln_1.bias",
    };
    sluice_model *const model = make_gpt(&tiny_untied, 8);
    for (int u = 0; u < (int)(sizeof expected / sizeof *expected); u++)
        assert_string_equal(sluice_model_use(model, u)->name, expected[u]);
    const int uses = sluice_model_use_count(model);
    assert_int_equal(uses, 2 + 2 * 12 + 2 + 1);
    assert_string_equal(sluice_model_use(model, uses - 3)->name, "transformer.ln_f.weight");
    assert_string_equal(sluice_model_use(model, uses - 1)->name, "lm_head.weight");
    assert_string_equal(sluice_model_layer_name(model, 4), "transformer.h.1.mlp");
    sluice_model_free(model);
}

static void test_matrices_decay(void **unused) {
    (void)unused;
    sluice_model *const model = make_gpt(&tiny, 8);
    for (int u = 0; u < sluice_model_use_count(model); u++) {
        const sluice_parameter *const p = &sluice_model_use(model, u)->parameter;
        assert_int_equal(p->decays, p->shape.rank == 2);
    }
    /* Conv1D's layout: (in, out). */
    assert_int_equal(sluice_model_use(model, 4)->parameter.shape.dims[0], 12);
    assert_int_equal(sluice_model_use(model, 4)->parameter.shape.dims[1], 36);
    sluice_model_free(model);
}

static void test_ties(void **unused) {
    (void)unused;
    sluice_model *const model       = make_gpt(&tiny, 8);
    sluice_model *const untied      = make_gpt(&tiny_untied, 8);
    const int last                  = sluice_model_use_count(model) - 1;
    const sluice_parameter_use *use = sluice_model_use(model, last);
    assert_int_equal(use->first, 0);
    assert_string_equal(use->name, "transformer.wte.weight");
    assert_true(use->parameter.gradient_by_input); /* the classifier's own way stays */
    assert_int_equal(sluice_model_use(untied, last)->first, last);
    assert_int_equal(sluice_model_parameter_count(untied) - sluice_model_parameter_count(model),
                     13 * 12);
    sluice_model_free(model);
    sluice_model_free(untied);
}

static void test_tie_takes_the_first_initializer(void **unused) {
    (void)unused;
    sluice_model *model = NULL;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_F32, 1, {4}}));
    const sluice_linear_config wide = {4, 4, 3}, narrow = {4, 4, 0.5F};
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &wide, "a"));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &narrow, "b"));
    assert_ok(sluice_model_tie(model, "b.weight", "a.weight"));
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &narrow, "c"));
    assert_ok(sluice_model_tie(model, "c.weight", "a.weight"));
    assert_int_equal(sluice_model_use(model, 4)->first, 0);
    float first[16], tied[16];
    sluice_parameter_initialize(first, sluice_model_use(model, 0), 5);
    sluice_parameter_initialize(tied, sluice_model_use(model, 2), 5);
    assert_memory_equal(first, tied, sizeof first);
    sluice_model_free(model);
}

/* ---- errors ---- */

static void test_model_refusals(void **unused) {
    (void)unused;
    sluice_model *model = NULL;
    assert_refused(sluice_model_create(&model,
                                       &(sluice_shape){
                                           SLUICE_F32, 4, {1, 1, 1, 1}
    }),
                   SLUICE_E_ARGUMENT, "a sample has 4 dimensions; there may be 0 to 3");
    assert_refused(sluice_model_create(&model,
                                       &(sluice_shape){
                                           SLUICE_F32, 2, {3, 0}
    }),
                   SLUICE_E_ARGUMENT, "a sample's dimension 1 is 0; it must be at least 1");
    assert_null(model);

    const sluice_linear_config linear = {4, 3, 0}, back = {3, 4, 0};
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_F32, 1, {4}}));
    assert_refused(sluice_model_add(model, sluice_layer_linear(), &back, "first"),
                   SLUICE_E_ARGUMENT, "linear has input width 3 but its input is (1, 4) float32");
    assert_string_equal(sluice_last_error()->hint,
                        "layer 'first' is given (1, 4) float32 for one sample of the data");
    assert_refused(sluice_model_add(model, sluice_layer_linear(), &linear, ""), SLUICE_E_ARGUMENT,
                   "layer 0 has an empty name");
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &linear, "first"));
    assert_refused(sluice_model_add(model, sluice_layer_linear(), &back, "first"),
                   SLUICE_E_ARGUMENT, "layer 0 is called 'first' already");
    assert_refused(sluice_model_add(model, sluice_layer_linear(), &linear, "second"),
                   SLUICE_E_ARGUMENT, "linear has input width 4 but its input is (1, 3) float32");
    assert_string_equal(sluice_last_error()->hint,
                        "layer 'second' is given (1, 3) float32 for one sample by 'first'");
    assert_refused(sluice_model_tie(model, "first.weight", "first.weight"), SLUICE_E_ARGUMENT,
                   "no earlier layer has a parameter 'first.weight' for 'first.weight'");
    assert_ok(sluice_model_add(model, sluice_layer_linear(), &back, "second"));
    assert_refused(sluice_model_tie(model, "second.gain", "first.weight"), SLUICE_E_ARGUMENT,
                   "the last layer has no parameter 'second.gain' that could be tied");
    assert_refused(sluice_model_tie(model, "second.weight", "first.weight"), SLUICE_E_ARGUMENT,
                   "'second.weight' is (3, 4) float32, but 'first.weight' is (4, 3) float32: they "
                   "cannot be tied");
    assert_ok(sluice_model_add(model, sluice_layer_squared_error(), NULL, "loss"));
    assert_refused(sluice_model_add(model, sluice_layer_relu(), NULL, "more"), SLUICE_E_ARGUMENT,
                   "layer 'more' comes after the loss 'loss'");
    sluice_layer_description d;
    assert_refused(sluice_model_describe(&d, model, 0, 0, SLUICE_FP32), SLUICE_E_ARGUMENT,
                   "a micro-batch has 0 samples; it needs at least 1");
    assert_int_equal(sluice_model_layer_count(model), 3);
    assert_int_equal(sluice_model_use_count(model), 4);
    sluice_model_free(model);
}

static void test_names_may_not_meet(void **unused) {
    (void)unused;
    const sluice_attention_config attention = {4, 2, 0, 0};
    sluice_model *model                     = NULL;
    assert_ok(sluice_model_create(&model, &(sluice_shape){
                                              SLUICE_F32, 2, {3, 4}
    }));
    assert_ok(sluice_model_add(model, sluice_layer_attention(), &attention, "block.left"));
    assert_refused(sluice_model_add(model, sluice_layer_attention(), &attention, "block.right"),
                   SLUICE_E_ARGUMENT,
                   "layers 'block.left' and 'block.right' both call a parameter "
                   "'block.ln_1.weight'");
    /* What was refused has left nothing behind. */
    assert_int_equal(sluice_model_use_count(model), 6);
    assert_ok(sluice_model_add(model, sluice_layer_attention(), &attention, "right"));
    assert_string_equal(sluice_model_use(model, 6)->name, "ln_1.weight");
    sluice_model_free(model);
}

static void test_gpt_refusals(void **unused) {
    (void)unused;
    sluice_gpt_config config;
    sluice_model *model = NULL;
    assert_refused(sluice_gpt_preset(&config, "gpt-huge", 256), SLUICE_E_ARGUMENT,
                   "no model preset is called 'gpt-huge'");
    assert_string_equal(
        sluice_last_error()->hint,
        "choose one of gpt-nano, gpt-mini, gpt2-124m, gpt2-350m, gpt2-774m, gpt2-1.5b");
    assert_refused(sluice_gpt_preset(&config, "gpt-nano", 0), SLUICE_E_ARGUMENT,
                   "gpt-nano is given a vocabulary of 0; it must be at least 1");
    assert_refused(sluice_gpt_model(&model, &tiny, 9), SLUICE_E_ARGUMENT,
                   "sequences have 9 tokens; this GPT takes 1 to 8");
    const sluice_gpt_config none = {13, 8, 12, 0, 3, true}, uneven = {13, 8, 12, 1, 5, true};
    assert_refused(sluice_gpt_model(&model, &none, 8), SLUICE_E_ARGUMENT,
                   "a GPT has 0 layers; it may have 1 to 10000");
    assert_refused(sluice_gpt_model(&model, &uneven, 8), SLUICE_E_ARGUMENT,
                   "attention has width 12, which 5 heads do not divide");
    const sluice_gpt_config wide = {13, 8, INT64_MAX, 1, 1, true};
    assert_refused(sluice_gpt_model(&model, &wide, 8), SLUICE_E_ARGUMENT,
                   "a GPT of width 9223372036854775807 is too large");
    assert_null(model);
}

/* A kind of one's own that describes what cannot be is refused when it is added. */
static sluice_status describe_too_much(sluice_layer_description *out, const void *config,
                                       const sluice_shape *input, sluice_precision precision) {
    (void)config, (void)precision;
    *out = (sluice_layer_description){.output = *input, .saved_count = 9};
    return SLUICE_OK;
}
static sluice_status describe_no_samples(sluice_layer_description *out, const void *config,
                                         const sluice_shape *input, sluice_precision precision) {
    (void)config, (void)input, (void)precision;
    *out = (sluice_layer_description){
        .output = {SLUICE_F32, 1, {5}}
    };
    return SLUICE_OK;
}
static sluice_status describe_free_loss(sluice_layer_description *out, const void *config,
                                        const sluice_shape *input, sluice_precision precision) {
    (void)config, (void)precision;
    *out = (sluice_layer_description){.output = *input, .is_loss = true};
    return SLUICE_OK;
}

static void test_foreign_kinds(void **unused) {
    (void)unused;
    const sluice_layer_kind kinds[] = {
        {.name = "greedy", .describe = describe_too_much  },
        {.name = "odd",    .describe = describe_no_samples},
        {.name = "free",   .describe = describe_free_loss }
    };
    const char *const texts[] = {
        "layer kind 'greedy' describes 0 parameters, 9 saved and 0 handed tensors; there may be "
        "12, 8 and 4",
        "layer kind 'odd' makes (5) float32 of 1 sample; its output must begin with the samples "
        "dimension",
        "layer kind 'free' is a loss of 0 terms per sample",
    };
    sluice_model *model = NULL;
    assert_ok(sluice_model_create(&model, &(sluice_shape){SLUICE_F32, 1, {4}}));
    for (int i = 0; i < 3; i++)
        assert_refused(sluice_model_add(model, &kinds[i], NULL, "mine"), SLUICE_E_ARGUMENT,
                       texts[i]);
    sluice_model_free(model);
}

/* ---- initial values ---- */

static void test_initial_values(void **unused) {
    (void)unused;
    enum { COUNT = 40003 };
    static float values[COUNT], again[COUNT];
    sluice_parameter_use use = {
        .name      = "a",
        .parameter = {"a", {SLUICE_F32, 1, {COUNT}}, SLUICE_INIT_NORMAL, 0.02F, true, false}
    };
    sluice_parameter_initialize(values, &use, 1);
    double sum = 0, squares = 0, fourth = 0;
    for (int i = 0; i < COUNT; i++) {
        const double z = values[i] / 0.02;
        sum += z, squares += z * z, fourth += z * z * z * z;
    }
    /* Five standard errors of a normal sample of this size. */
    assert_true(fabs(sum / COUNT) < 5 / sqrt(COUNT));
    assert_true(fabs(squares / COUNT - 1) < 5 * sqrt(2.0 / COUNT));
    assert_true(fabs(fourth / COUNT - 3) < 5 * sqrt(96.0 / COUNT));

    use.layer = 7, use.index = 3, use.first = 20; /* where it stands does not matter */
    sluice_parameter_initialize(again, &use, 1);
    assert_memory_equal(values, again, sizeof values);
    sluice_parameter_initialize(again, &use, 2);
    assert_memory_not_equal(values, again, sizeof values);
    use.name = "b";
    sluice_parameter_initialize(again, &use, 1);
    assert_memory_not_equal(values, again, sizeof values);
    use.parameter.initializer = SLUICE_INIT_CONSTANT;
    sluice_parameter_initialize(again, &use, 1);
    assert_true(again[0] == 0.02F && again[COUNT - 1] == 0.02F);
}

static void test_gpt_scales(void **unused) {
    (void)unused;
    sluice_model *const model = make_gpt(&tiny, 8);
    for (int u = 0; u < sluice_model_use_count(model); u++) {
        const sluice_parameter_use *const use = sluice_model_use(model, u);
        const size_t length                   = strlen(use->name);
        const bool is_projection              = strstr(use->name, "c_proj.weight") != NULL;
        float expected                        = is_projection ? 0.02F / sqrtf(4) : 0.02F;
        if (strcmp(use->name + length - 5, ".bias") == 0) expected = 0;
        if (strstr(use->name, "ln_") && expected > 0) expected = 1;
        if (fabsf(use->parameter.scale - expected) > 1e-8F)
            fail_msg("%s starts with %g", use->name, (double)use->parameter.scale);
    }
    sluice_model_free(model);
}

/* ---- a whole model, by a plain loop, against float64 ---- */

enum { SAMPLES = 3, LENGTH = 7 };

static double **widen_parameters(const plain_loop *loop) {
    double **const wide = calloc((size_t)loop->uses, sizeof *wide);
    assert_non_null(wide);
    for (int u = 0; u < loop->uses; u++) {
        const sluice_parameter_use *const use = sluice_model_use(loop->model, u);
        const int64_t count                   = sluice_shape_count(&use->parameter.shape);
        wide[u] = use->first == u ? reference_zeros(count) : wide[use->first];
        for (int64_t i = 0; use->first == u && i < count; i++) wide[u][i] = loop->parameters[u][i];
    }
    return wide;
}

static double model64(const sluice_model *model, double **parameters, const int32_t *tokens,
                      const int32_t *targets, double total_weight) {
    const void *x = tokens;
    double *y = NULL, *last = NULL;
    int use = 0;
    for (int l = 0; l < sluice_model_layer_count(model); l++) {
        sluice_layer_description d;
        assert_ok(sluice_model_describe(&d, model, l, SAMPLES, SLUICE_FP32));
        y = reference_zeros(sluice_shape_count(&d.output) + 1);
        layer64_forward(
            y, &(layer64){sluice_model_layer_kind(model, l), sluice_model_layer_config(model, l),
                          sluice_model_layer_input(model, l, SAMPLES),
                          (const double *const *)parameters + use, x, targets, total_weight});
        use += d.parameter_count;
        free(last);
        x = last = y;
    }
    const double loss = y[0];
    free(y);
    return loss;
}

static void check_model_gradients(plain_loop *loop, const int32_t *tokens, const int32_t *targets,
                                  double total_weight, uint64_t *state) {
    double **const wide = widen_parameters(loop);
    for (int u = 0; u < loop->uses; u++) {
        const sluice_parameter_use *const use = sluice_model_use(loop->model, u);
        if (use->first != u) continue;
        for (int turn = 0; turn < 3; turn++) {
            const int i =
                test_random_int(state, 0, (int)sluice_shape_count(&use->parameter.shape) - 1);
            const double mid = wide[u][i], step = 1e-5;
            wide[u][i]         = mid + step;
            const double high  = model64(loop->model, wide, tokens, targets, total_weight);
            wide[u][i]         = mid - step;
            const double low   = model64(loop->model, wide, tokens, targets, total_weight);
            wide[u][i]         = mid;
            const double slope = (high - low) / (2 * step);
            double got         = 0; /* ties: the sum over the uses */
            for (int other = u; other < loop->uses; other++)
                if (sluice_model_use(loop->model, other)->first == u)
                    got += loop->gradients[other][i];
            if (!(fabs(got - slope) <= 1e-6 + 1e-4 * fabs(slope)))
                fail_msg("%s[%d]: gradient %.9g, expected %.9g", use->name, i, got, slope);
        }
    }
    for (int u = 0; u < loop->uses; u++)
        if (sluice_model_use(loop->model, u)->first == u) free(wide[u]);
    free(wide);
}

/* Matrices large enough that every part of the model matters to the loss; biases and gains with
 * values of their own. */
static void enlarge(const plain_loop *loop, uint64_t *state) {
    for (int u = 0; u < loop->uses; u++) {
        const sluice_parameter_use *const use = sluice_model_use(loop->model, u);
        if (use->first != u) continue;
        for (int64_t i = 0; i < sluice_shape_count(&use->parameter.shape); i++)
            loop->parameters[u][i] =
                loop->parameters[u][i] * (use->parameter.shape.rank == 2 ? 10.0F : 1.0F) +
                (float)test_random_int(state, -100, 100) / 500.0F;
    }
}

static void check_whole_model(const sluice_gpt_config *config, uint64_t *state) {
    sluice_model *const model    = make_gpt(config, LENGTH);
    const sluice_device_ops *ops = NULL;
    assert_ok(sluice_device_find(&ops, "cpu"));
    plain_loop loop = plain_loop_open(model, ops, 1, 1);
    enlarge(&loop, state);

    int32_t tokens[SAMPLES * LENGTH], targets[SAMPLES * LENGTH];
    double weight = 0;
    for (int i = 0; i < SAMPLES * LENGTH; i++) {
        tokens[i]  = test_random_int(state, 0, (int)config->vocabulary - 1);
        targets[i] = test_random_int(state, -1, (int)config->vocabulary - 1);
        weight += targets[i] >= 0;
    }
    const int64_t whole[] = {3}, uneven[] = {2, 0, 1};
    const plain_batch one  = {tokens, targets, whole, 1, weight};
    const plain_batch some = {tokens, targets, uneven, 3, weight};

    double **const wide   = widen_parameters(&loop);
    const double expected = model64(model, wide, tokens, targets, weight);
    for (int u = 0; u < loop.uses; u++)
        if (sluice_model_use(model, u)->first == u) free(wide[u]);
    free(wide);
    const double loss = plain_loop_step(&loop, &one);
    if (fabs(loss - expected) > 1e-5 * expected) fail_msg("loss %.9g not %.9g", loss, expected);
    check_model_gradients(&loop, tokens, targets, weight, state);
    assert_true(plain_loop_evaluate(&loop, &one) == loss);

    const double pieces = plain_loop_step(&loop, &some);
    assert_true(fabs(pieces - loss) < 1e-6 * loss);
    check_model_gradients(&loop, tokens, targets, weight, state);
    plain_loop_close(&loop);
    sluice_model_free(model);
}

static void test_whole_model(void **unused) {
    (void)unused;
    uint64_t state = test_seed();
    check_whole_model(&tiny, &state);
    check_whole_model(&tiny_untied, &state);
}

/* A few updates bring the loss of one minibatch down, and clipping changes no norm before it. */
static void test_updates(void **unused) {
    (void)unused;
    uint64_t state               = test_seed();
    sluice_model *const model    = make_gpt(&tiny, LENGTH);
    const sluice_device_ops *ops = NULL;
    assert_ok(sluice_device_find(&ops, "cpu"));
    plain_loop loop = plain_loop_open(model, ops, 2, 1);
    int32_t tokens[SAMPLES * LENGTH + 1];
    for (int i = 0; i <= SAMPLES * LENGTH; i++) tokens[i] = test_random_int(&state, 0, 12);
    const int64_t sizes[]        = {2, 1};
    const plain_batch batch      = {tokens, tokens + 1, sizes, 2, SAMPLES * LENGTH};
    const sluice_update settings = {
        .learning_rate = 0.01, .weight_decay = 0.1, .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8};
    const double before = plain_loop_step(&loop, &batch);
    assert_true(fabs(before - log(13)) < 0.1); /* small weights: nearly uniform */
    double loss = before, norm = 0;
    for (int step = 0; step < 20; step++) {
        norm = plain_loop_update(&loop, &settings, step % 2 ? 0.5 : 0);
        loss = plain_loop_step(&loop, &batch);
    }
    if (!(loss < 0.7 * before)) fail_msg("the loss fell only from %g to %g", before, loss);
    assert_true(isfinite(norm) && norm > 0.01);
    plain_loop_close(&loop);
    sluice_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_preset_counts),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_matrices_decay),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_tie_takes_the_first_initializer),
        cmocka_unit_test(test_model_refusals),
        cmocka_unit_test(test_names_may_not_meet),
        cmocka_unit_test(test_gpt_refusals),
        cmocka_unit_test(test_foreign_kinds),
        cmocka_unit_test(test_initial_values),
        cmocka_unit_test(test_gpt_scales),
        cmocka_unit_test(test_whole_model),
        cmocka_unit_test(test_updates),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
