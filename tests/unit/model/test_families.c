/* SPDX-License-Identifier: MIT */
/* test_families.c -- every family: its presets, config.json and models; and unknown families. */
#include "tests/support/files.h"

#include "sluice/gpt2.h"

enum { LENGTH = 8, WORDS = 300 };

static void assert_numbers_equal(const sluice_model_config *a, const sluice_model_config *b) {
    const sluice_model_numbers one = sluice_model_config_numbers(a),
                               two = sluice_model_config_numbers(b);
    assert_int_equal(one.blocks, two.blocks);
    assert_int_equal(one.width, two.width);
    assert_int_equal(one.heads, two.heads);
    assert_int_equal(one.vocabulary, two.vocabulary);
    assert_int_equal(one.positions, two.positions);
    assert_int_equal(one.tied, two.tied);
}

static bool has_parameter(const sluice_model *model, const char *name) {
    for (int u = 0; u < sluice_model_use_count(model); u++)
        if (strcmp(sluice_model_use(model, u)->name, name) == 0) return true;
    return false;
}

static void check_preset(const sluice_family *family, const char *name, const char *path) {
    sluice_model_config made, read;
    sluice_model *model = NULL;
    assert_ok(sluice_model_config_preset(&made, name, WORDS));
    assert_ptr_equal(made.family, family);
    assert_ok(sluice_model_config_write(path, &made));
    assert_ok(sluice_model_config_read(&read, path));
    assert_ptr_equal(read.family, family);
    assert_numbers_equal(&made, &read);
    assert_ok(sluice_model_from_config(&model, &read, LENGTH));
    assert_true(has_parameter(model, family->embedding));
    assert_true(strncmp(family->embedding, family->prefix, strlen(family->prefix)) == 0);
    sluice_model_free(model);
}

static void every_preset_of_every_family_works(void **state) {
    (void)state;
    const folder in = folder_make();
    int count       = 0;
    for (const sluice_family *const *family = sluice_families(); *family; family++) {
        assert_int_equal((*family)->size, sizeof(sluice_family));
        for (const char *const *name = (*family)->presets; *name; name++, count++)
            check_preset(*family, *name, folder_path(&in, "config.json"));
    }
    assert_true(count >= 20);
    folder_remove(&in);
}

static void configurations_are_summarized(void **state) {
    (void)state;
    sluice_model_config config;
    char text[80], cut[9];
    assert_ok(sluice_model_config_preset(&config, "gpt-mini", WORDS));
    sluice_model_config_summary(text, sizeof text, &config);
    assert_string_equal(text, "6 blocks, width 128, 4 heads, vocabulary 300");
    sluice_model_config_summary(cut, sizeof cut, &config);
    assert_string_equal(cut, "6 blocks");
    const sluice_model_numbers numbers = sluice_model_config_numbers(&config);
    assert_int_equal(numbers.positions, 256);
    assert_true(numbers.tied);
}

static void dropout_belongs_to_the_run(void **state) {
    (void)state;
    const folder in  = folder_make();
    const char *path = folder_path(&in, "config.json");
    sluice_model_config config, read;
    sluice_gpt_config own;
    assert_ok(sluice_model_config_preset(&config, "gpt-nano", WORDS));
    config.dropout = 0.25F;
    assert_ok(sluice_gpt_from_model_config(&own, &config));
    assert_true(own.dropout == 0.25F);
    assert_ok(sluice_model_config_write(path, &config));
    assert_ok(sluice_model_config_read(&read, path));
    assert_true(read.dropout == 0);
    folder_remove(&in);
}

/* The first value of a parameter of random ones, which its scale multiplies. */
static double first_value(const sluice_model_config *config) {
    sluice_model *model = NULL;
    float values[WORDS * 64];
    assert_ok(sluice_model_from_config(&model, config, LENGTH));
    sluice_parameter_initialize(values, sluice_model_use(model, 0), 1);
    sluice_model_free(model);
    return (double)values[0];
}

static void the_initializer_range_is_honoured_and_saved(void **state) {
    (void)state;
    const folder in  = folder_make();
    const char *path = folder_path(&in, "config.json");
    sluice_model_config usual, wider;
    assert_ok(sluice_model_config_preset(&usual, "gpt-nano", WORDS));
    assert_true(usual.initializer_range == 0.02);
    wider                   = usual;
    wider.initializer_range = 0.08; /* four times: exact */
    assert_ok(sluice_model_config_write(path, &wider));
    assert_ok(sluice_model_config_read(&wider, path));
    if (wider.initializer_range != 0.08)
        fail_msg("an initializer_range of 0.08 comes back as %g", wider.initializer_range);
    const double expected = 4 * first_value(&usual), got = first_value(&wider);
    if (got != expected)
        fail_msg("with initializer_range 0.08 a weight begins as %g; with 0.02 as %g, so that it "
                 "must be %g",
                 got, expected / 4, expected);
    usual.initializer_range = 0; /* the usual one */
    assert_true(4 * first_value(&usual) == expected);
    folder_remove(&in);
}

static void ids_of_special_tokens_are_saved(void **state) {
    (void)state;
    static const int64_t ids[][3] = {{-1, -1, -1}, {0, 5, 7}, {50256, 50256, -1}};
    const folder in               = folder_make();
    const char *path              = folder_path(&in, "config.json");
    sluice_model_config config;
    assert_ok(sluice_model_config_preset(&config, "gpt-nano", WORDS));
    assert_int_equal(config.eos_token, -1);
    for (size_t k = 0; k < sizeof ids / sizeof *ids; k++) {
        config.bos_token = ids[k][0];
        config.eos_token = ids[k][1];
        config.pad_token = ids[k][2];
        assert_ok(sluice_model_config_write(path, &config));
        assert_ok(sluice_model_config_read(&config, path));
        assert_int_equal(config.bos_token, ids[k][0]);
        assert_int_equal(config.eos_token, ids[k][1]);
        assert_int_equal(config.pad_token, ids[k][2]);
    }
    static const char silent[] = "{\"vocab_size\": 50257, \"n_positions\": 8, \"n_embd\": 4, "
                                 "\"n_layer\": 1, \"n_head\": 1, \"bos_token_id\": null}";
    folder_write(&in, "config.json", silent, strlen(silent));
    assert_ok(sluice_model_config_read(&config, path));
    assert_int_equal(config.bos_token, -1);
    assert_int_equal(config.eos_token, 50256); /* GPT-2's tokenizer: missing is not null */
    assert_ok(sluice_model_config_preset(&config, "gpt2-124m", WORDS));
    assert_int_equal(config.bos_token, 50256);
    assert_int_equal(config.eos_token, 50256);
    folder_remove(&in);
}

static void unknown_families_are_refused_with_the_known_names(void **state) {
    (void)state;
    static const char gemma[] = "{\"model_type\": \"gemma\", \"hidden_size\": 64}";
    const folder in           = folder_make();
    const char *path          = folder_path(&in, "config.json");
    sluice_model_config config;
    char expected[300];
    folder_write(&in, "config.json", gemma, strlen(gemma));
    snprintf(expected, sizeof expected,
             "\"model_type\" in '%s' is \"gemma\"; only \"gpt2\" or \"llama\" or \"mistral\" or "
             "\"qwen2\" or \"qwen3\" is supported",
             path);
    assert_refused(sluice_model_config_read(&config, path), SLUICE_E_UNSUPPORTED, expected);
    assert_refused(sluice_model_config_preset(&config, "llama-7b", WORDS), SLUICE_E_ARGUMENT,
                   "no model preset is called 'llama-7b'");
    for (const sluice_family *const *family = sluice_families(); *family; family++)
        for (const char *const *name = (*family)->presets; *name; name++)
            assert_non_null(strstr(sluice_last_error()->hint, *name));
    folder_remove(&in);
}

static void another_familys_configuration_is_refused(void **state) {
    (void)state;
    const sluice_family other        = {sizeof other, "other", NULL, "", NULL, "", ""};
    const sluice_model_config config = {.family = &other};
    sluice_gpt_config own;
    assert_refused(sluice_gpt_from_model_config(&own, &config), SLUICE_E_ARGUMENT,
                   "a configuration of the family other is not one of gpt2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_preset_of_every_family_works),
        cmocka_unit_test(configurations_are_summarized),
        cmocka_unit_test(dropout_belongs_to_the_run),
        cmocka_unit_test(the_initializer_range_is_honoured_and_saved),
        cmocka_unit_test(ids_of_special_tokens_are_saved),
        cmocka_unit_test(unknown_families_are_refused_with_the_known_names),
        cmocka_unit_test(another_familys_configuration_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
