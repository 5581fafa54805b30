/* SPDX-License-Identifier: MIT */
/* test_layer_descriptions.c -- descriptions of the layer kinds, and what they refuse. */
#include "tests/support/support.h"
#include "tests/unit/model/layer_subjects.h"

#include <math.h>

/* The size of every tensor of a description, as text. */
static void descriptions_give_every_tensor(void **unused) {
    (void)unused;
    sluice_layer_description d;
    assert_ok(sluice_layer_attention()->describe(&d, &layer_attention,
                                                 &(sluice_shape){SLUICE_TYPE_F32, 3, {2, 10, 12}},
                                                 SLUICE_PRECISION_FP32));
    assert_int_equal(d.saved_count, 6);
    assert_int_equal(d.saved[3].bytes, 2 * 10 * 36 * 4); /* q, k, v */
    assert_int_equal(d.saved[4].bytes, 2 * 10 * 3 * 4);  /* one number per head, never T x T */
    assert_int_equal(d.stash[0], 2 * 10 * 36 * 4);
    const double products = 2.0 * 20 * 12 * (36 + 12), triangle = 20.0 * 10 * 12;
    assert_true(d.weight.flops >= products && d.weight.flops < 1.1 * products);
    assert_true(d.forward.flops >= products + 2 * triangle &&
                d.forward.flops < 1.3 * products + 2 * triangle);
    assert_true(d.input.flops >= products + 5 * triangle &&
                d.input.flops < 1.5 * products + 5 * triangle);

    assert_ok(sluice_layer_classifier()->describe(&d, &layer_classifier,
                                                  &(sluice_shape){SLUICE_TYPE_F32, 3, {2, 10, 6}},
                                                  SLUICE_PRECISION_FP32));
    assert_int_equal(d.weight_per_sample, 10);
    assert_int_equal(d.batch_count, 1);
    assert_string_equal(d.batch[0].name, "targets");
    assert_int_equal(d.batch[0].shape.dim_count, 2);
    assert_int_equal(sluice_shape_count(&d.batch[0].shape), 20);
    assert_int_equal(sluice_shape_count(&d.output), 0);
    assert_true(d.forward.flops == 0 && d.weight.flops == 0);
    assert_true(d.input.flops >= 6.0 * 20 * 6 * 13);

    assert_ok(sluice_layer_linear()->describe(
        &d, &layer_linear, &(sluice_shape){SLUICE_TYPE_F32, 2, {3, 5}}, SLUICE_PRECISION_FP32));
    assert_int_equal(d.parameter_count, 2);
    assert_true(fabsf(d.parameters[0].scale - 1 / sqrtf(5)) < 1e-6F);
    assert_true(d.parameters[0].decays);
    assert_false(d.parameters[1].decays);
}

/* Tensors that other configurations leave out: biases, means, keys and values of most heads,
 * positions. */
static void optional_tensors_are_left_out(void **unused) {
    (void)unused;
    sluice_layer_description d;
    assert_ok(sluice_layer_attention()->describe(
        &d, &layer_llama, &(sluice_shape){SLUICE_TYPE_F32, 3, {2, 10, 12}}, SLUICE_PRECISION_FP32));
    static const char *const names[] = {"../ln_1.weight", "c_attn.weight", "c_proj.weight"};
    static const int64_t counts[] = {12, 192, 96}; /* of 4 heads of 2, and 2 of keys and values */
    assert_int_equal(d.parameter_count, 3);
    for (int p = 0; p < 3; p++) {
        assert_string_equal(d.parameters[p].name, names[p]);
        assert_int_equal(sluice_shape_count(&d.parameters[p].shape), counts[p]);
    }
    assert_int_equal(d.saved_count, 5);                  /* no mean */
    assert_int_equal(d.saved[0].bytes, 2 * 10 * 4);      /* rstd */
    assert_int_equal(d.saved[2].bytes, 2 * 10 * 16 * 4); /* q of 4 heads, k and v of 2 */
    assert_int_equal(d.saved[3].bytes, 2 * 10 * 4 * 4);  /* for each query head */
    assert_int_equal(d.saved[4].bytes, 2 * 10 * 8 * 4);  /* narrower than the layer */
    assert_int_equal(sluice_shape_count(&d.output), 2 * 10 * 12);

    assert_ok(sluice_layer_embedding()->describe(&d, &layer_words_only,
                                                 &(sluice_shape){SLUICE_TYPE_I32, 2, {2, 1000}},
                                                 SLUICE_PRECISION_FP32));
    assert_int_equal(d.parameter_count, 1);
    assert_ok(sluice_layer_mlp()->describe(&d, &layer_plain_mlp,
                                           &(sluice_shape){SLUICE_TYPE_F32, 3, {2, 10, 6}},
                                           SLUICE_PRECISION_FP32));
    assert_int_equal(d.parameter_count, 3);
    assert_ok(sluice_layer_linear()->describe(&d, &layer_plain_linear,
                                              &(sluice_shape){SLUICE_TYPE_F32, 2, {3, 5}},
                                              SLUICE_PRECISION_FP32));
    assert_int_equal(d.parameter_count, 1);
}

/* One parameter or piece of one, as its name, rows and columns (0: a vector). */
typedef struct named {
    const char *name;
    int64_t rows, columns;
} named;

static void expect_parameters(const sluice_layer_kind *kind, const void *config,
                              const sluice_shape *input, const named *expected, int count) {
    sluice_layer_description d;
    assert_ok(kind->describe(&d, config, input, SLUICE_PRECISION_FP32));
    int n = 0;
    for (int p = 0; p < d.parameter_count; p++) {
        const sluice_parameter *const whole = &d.parameters[p];
        const int64_t columns               = whole->shape.dim_count > 1 ? whole->shape.dims[1] : 0;
        int64_t total                       = 0;
        const bool split                    = whole->piece_count > 0;
        for (int k = 0; k < (split ? whole->piece_count : 1) && n < count; k++, n++) {
            const sluice_parameter_piece piece = {split ? whole->pieces[k].name : whole->name,
                                                  split ? whole->pieces[k].rows
                                                        : whole->shape.dims[0]};
            assert_string_equal(piece.name, expected[n].name);
            assert_int_equal(piece.rows, expected[n].rows);
            assert_int_equal(columns, expected[n].columns);
            total += piece.rows;
        }
        assert_int_equal(total, whole->shape.dims[0]);
    }
    assert_int_equal(n, count);
}
#define EXPECT_PARAMETERS(kind, config, input, ...)                                                \
    expect_parameters(kind, config, input, (const named[]){__VA_ARGS__},                           \
                      sizeof((const named[]){__VA_ARGS__}) / sizeof(named))

/* Llama's names, matrices of (outputs, inputs), and the pieces of those that read the same input.
 */
static void parameters_have_the_names_and_pieces_of_llama(void **unused) {
    (void)unused;
    const sluice_shape words = {SLUICE_TYPE_I32, 2, {2, 5}};
    EXPECT_PARAMETERS(sluice_layer_embedding(), &layer_llama_words, &words,
                      {"embed_tokens.weight", 11, 6});
    EXPECT_PARAMETERS(sluice_layer_attention(), &layer_llama_pieces,
                      (&(sluice_shape){SLUICE_TYPE_F32, 3, {2, 5, 12}}),
                      {"../input_layernorm.weight", 12, 0}, {"q_proj.weight", 12, 12},
                      {"k_proj.weight", 6, 12}, {"v_proj.weight", 6, 12}, {"q_proj.bias", 12, 0},
                      {"k_proj.bias", 6, 0}, {"v_proj.bias", 6, 0}, {"o_proj.weight", 12, 12});
    EXPECT_PARAMETERS(
        sluice_layer_mlp(), &layer_llama_mlp, (&(sluice_shape){SLUICE_TYPE_F32, 3, {2, 5, 6}}),
        {"../post_attention_layernorm.weight", 6, 0}, {"up_proj.weight", 20, 6},
        {"up_proj.bias", 20, 0}, {"down_proj.weight", 6, 20}, {"down_proj.bias", 6, 0});
    EXPECT_PARAMETERS(
        sluice_layer_attention(), &layer_qwen3, (&(sluice_shape){SLUICE_TYPE_F32, 3, {2, 5, 12}}),
        {"../input_layernorm.weight", 12, 0}, {"q_proj.weight", 40, 12}, {"k_proj.weight", 20, 12},
        {"v_proj.weight", 20, 12}, {"o_proj.weight", 12, 40}, {"q_norm.weight", 10, 0},
        {"k_norm.weight", 10, 0});
    EXPECT_PARAMETERS(sluice_layer_mlp(), &layer_llama_gated,
                      (&(sluice_shape){SLUICE_TYPE_F32, 3, {2, 5, 6}}),
                      {"../post_attention_layernorm.weight", 6, 0}, {"gate_proj.weight", 20, 6},
                      {"up_proj.weight", 20, 6}, {"down_proj.weight", 6, 20});
}

typedef struct refusal {
    const sluice_layer_kind *kind;
    const void *config;
    const sluice_shape *input;
    const char *text;
} refusal;

static void check_refusals(const refusal *bad, size_t count) {
    sluice_layer_description d;
    for (size_t i = 0; i < count; i++)
        assert_refused(
            bad[i].kind->describe(&d, bad[i].config, bad[i].input, SLUICE_PRECISION_FP32),
            SLUICE_E_ARGUMENT, bad[i].text);
}

static const sluice_shape rows   = {SLUICE_TYPE_F32, 3, {2, 8, 12}};
static const sluice_shape tokens = {SLUICE_TYPE_I32, 2, {2, 10}};

static void bad_attention_is_refused(void **unused) {
    (void)unused;
    const refusal bad[] = {
        {sluice_layer_attention(), &(sluice_attention_config){.width = 12, .heads = 5}, &rows,
         "attention has width 12, which 5 heads do not divide"},
        {sluice_layer_attention(), &(sluice_attention_config){.width = 12, .heads = 0}, &rows,
         "attention has heads 0; it must be at least 1"},
        {sluice_layer_attention(), &(sluice_attention_config){.width = 16, .heads = 4}, &rows,
         "attention has width 16 but its input is (2, 8, 12) float32"},
        {sluice_layer_attention(), &layer_attention, &tokens,
         "attention takes float32 with 3 dimensions of at least 1, not (2, 10) int32"},
        {sluice_layer_attention(),
         &(sluice_attention_config){.width = 12, .heads = 3, .scale = NAN}, &rows,
         "attention has scale nan; it must be a finite number, at least 0"},
        {sluice_layer_attention(),
         &(sluice_attention_config){.width = 12, .heads = 3, .dropout = 1}, &rows,
         "attention has dropout 1; it must be from 0 to below 1"},
        {sluice_layer_attention(),
         &(sluice_attention_config){.width = 12, .heads = 6, .kv_heads = 4}, &rows,
         "attention has 4 key/value heads, which do not divide its 6 heads"},
        {sluice_layer_attention(),
         &(sluice_attention_config){.width = 12, .heads = 6, .rotary.base = INFINITY}, &rows,
         "attention has a rotary base of inf; it must be a finite number, at least 0"},
        {sluice_layer_attention(),
         &(sluice_attention_config){.width = 12, .heads = 4, .rotary.base = 1e4F}, &rows,
         "attention has rotary positions and heads of width 3, which is odd"},
        {sluice_layer_attention(),
         &(sluice_attention_config){.width = 12, .heads = 3, .rotary = {1e4F, 2, 8, 4, 1, 64}},
         &rows,
         "attention has rotary positions with scaling 2, factor 8, low frequency 4, high frequency "
         "1 and 64 original positions"},
    };
    check_refusals(bad, sizeof bad / sizeof *bad);
}

static void bad_layers_are_refused(void **unused) {
    (void)unused;
    sluice_layer_description d;
    const refusal bad[] = {
        {sluice_layer_layernorm(), &(sluice_layernorm_config){12, {(sluice_norm_kind)2, 0}}, &rows,
         "layernorm has a norm of kind 2, which does not exist"},
        {sluice_layer_mlp(),
         &(sluice_mlp_config){.width = 12, .hidden = 4, .norm = {.epsilon = -1}}, &rows,
         "mlp has a norm with epsilon -1; it must be a finite number, at least 0"},
        {sluice_layer_mlp(), &(sluice_mlp_config){.width = 12, .hidden = 4, .style = 2}, &rows,
         "mlp has parameters of style 2, which does not exist"},
        {sluice_layer_mlp(), &(sluice_mlp_config){.width = 12, .hidden = 4, .dropout = NAN}, &rows,
         "mlp has dropout nan; it must be from 0 to below 1"},
        {sluice_layer_embedding(),
         &(sluice_embedding_config){.vocabulary = 9, .positions = 10, .width = 4, .dropout = -1},
         &tokens, "embedding has dropout -1; it must be from 0 to below 1"},
        {sluice_layer_mlp(), &(sluice_mlp_config){.width = 12, .hidden = -1}, &rows,
         "mlp has hidden width -1; it must be at least 1"},
        {sluice_layer_mlp(), &(sluice_mlp_config){.width = 12, .hidden = INT64_MAX / 2}, &rows,
         "mlp would need a tensor of 12 x 4611686018427387903 elements, more than 2^48"},
        {sluice_layer_layernorm(), &layer_layernorm, &rows,
         "layernorm has width 7 but its input is (2, 8, 12) float32"},
        {sluice_layer_embedding(), &layer_embedding, &rows,
         "embedding takes int32 with 2 dimensions of at least 1, not (2, 8, 12) float32"},
        {sluice_layer_embedding(), &layer_embedding, &tokens,
         "embedding has 9 positions, fewer than the 10 tokens of a sample"},
        {sluice_layer_classifier(), &(sluice_classifier_config){12, 0, 0}, &rows,
         "classifier has classes 0; it must be at least 1"},
        {sluice_layer_linear(), &(sluice_linear_config){.inputs = 12, .outputs = 0}, &rows,
         "linear has output width 0; it must be at least 1"},
        {sluice_layer_relu(), NULL, &(sluice_shape){SLUICE_TYPE_F32, 3, {1, 0, 2}},
         "relu takes float32 with 1 to 4 dimensions of at least 1, not (1, 0, 2) float32"},
        {sluice_layer_squared_error(), NULL,
         &(sluice_shape){SLUICE_TYPE_F32, 2, {1 << 30, 1 << 30}},
         "squared-error would need a tensor of 1073741824 x 1073741824 elements, more than 2^48"},
    };
    check_refusals(bad, sizeof bad / sizeof *bad);
    assert_refused(sluice_layer_relu()->describe(&d, NULL, &rows, (sluice_precision)7),
                   SLUICE_E_UNSUPPORTED, "relu does not compute in precision 7");
    assert_refused(sluice_layer_relu()->describe(&d, NULL, &rows, SLUICE_PRECISION_BF16),
                   SLUICE_E_ARGUMENT,
                   "relu takes bfloat16 with 1 to 4 dimensions of at least 1, not (2, 8, 12) "
                   "float32");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptions_give_every_tensor),
        cmocka_unit_test(optional_tensors_are_left_out),
        cmocka_unit_test(parameters_have_the_names_and_pieces_of_llama),
        cmocka_unit_test(bad_attention_is_refused),
        cmocka_unit_test(bad_layers_are_refused),
    };
    return cmocka_run_group_tests_name("layer descriptions", tests, NULL, NULL);
}
