/* SPDX-License-Identifier: MIT */
/* test_llama.c -- Llama, Mistral, Qwen 2 and Qwen 3: presets of the published sizes, config.json
 * files as they are found, in old and new forms, and fields that are refused. */
#include "tests/support/files.h"

#include "sluice/family.h"

static int64_t count_of(const sluice_model_config *config) {
    sluice_model *model = NULL;
    assert_ok(sluice_model_from_config(&model, config, 8));
    const int64_t count = sluice_model_parameter_count(model);
    sluice_model_free(model);
    return count;
}

/* ---- presets ---- */

static void presets_have_their_published_sizes(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int64_t count;
    } presets[] = {
        {"llama-160m", 162417408},  {"llama-1b", 1235814400},   {"llama-3b", 3212749824},
        {"llama-8b", 8030261248},   {"mistral-7b", 7248023552}, {"qwen2-0.5b", 494032768},
        {"qwen2-1.5b", 1543714304}, {"qwen2-7b", 7615616512},   {"qwen3-0.6b", 596049920},
        {"qwen3-1.7b", 1720574976}, {"qwen3-4b", 4022468096},   {"qwen3-8b", 8190735360},
    };
    for (size_t k = 0; k < sizeof presets / sizeof *presets; k++) {
        sluice_model_config config;
        assert_ok(sluice_model_config_preset(&config, presets[k].name, 0));
        const int64_t count = count_of(&config);
        if (count != presets[k].count)
            fail_msg("%s has %lld parameters; the published one has %lld", presets[k].name,
                     (long long)count, (long long)presets[k].count);
    }
}

static void small_presets_leave_the_vocabulary_open(void **state) {
    (void)state;
    sluice_model_config config;
    char text[96];
    assert_ok(sluice_model_config_preset(&config, "llama-nano", 300));
    sluice_model_config_summary(text, sizeof text, &config);
    assert_string_equal(text, "4 blocks, width 64, 4 heads (2 of keys and values), vocabulary 300");
    assert_int_equal(config.eos_token, -1);
    assert_refused(sluice_model_config_preset(&config, "llama-nano", 0), SLUICE_E_ARGUMENT,
                   "llama-nano is given a vocabulary of 0; it must be at least 1");
    assert_ok(sluice_model_config_preset(&config, "llama-1b", 300));
    assert_int_equal(sluice_model_config_numbers(&config).vocabulary, 128256);
    assert_int_equal(config.eos_token, 128001);
}

/* ---- files as they are found ---- */

/* What every file says; numbers of one model follow. */
#define FOUND(type, class, rest)                                                                   \
    "{\"architectures\": [\"" class "ForCausalLM\"], \"model_type\": \"" type                      \
                                    "\", \"hidden_act\": \"silu\", \"attention_dropout\": 0.0, "   \
                                    "\"use_cache\": true, "                                        \
                                    "\"torch_dtype\": \"bfloat16\", \"transformers_version\": "    \
                                    "\"4.45.0\", " rest "}"
#define LLAMA_1B                                                                                   \
    "\"hidden_size\": 2048, \"intermediate_size\": 8192, \"num_hidden_layers\": 16, "              \
    "\"num_attention_heads\": 32, \"num_key_value_heads\": 8, \"head_dim\": 64, "                  \
    "\"max_position_embeddings\": 131072, \"rms_norm_eps\": 1e-05, \"vocab_size\": 128256, "       \
    "\"attention_bias\": false, \"mlp_bias\": false, \"pretraining_tp\": 1, "                      \
    "\"initializer_range\": 0.02, \"tie_word_embeddings\": true, "
#define SCALING                                                                                    \
    "\"factor\": 32.0, \"high_freq_factor\": 4.0, \"low_freq_factor\": 1.0, "                      \
    "\"original_max_position_embeddings\": 8192, \"rope_type\": \"llama3\""

typedef struct found {
    const char *what, *text;
    int64_t count;
    const char *same_as; /* a preset with the same model; NULL: none */
    int64_t bos, eos;
} found;

static const found files[] = {
    {"Llama 3.2 1B",
     FOUND("llama", "Llama",
           LLAMA_1B "\"rope_theta\": 500000.0, \"rope_scaling\": {" SCALING
                    "}, \"bos_token_id\": 128000, \"eos_token_id\": 128001"),
     1235814400, "llama-1b", 128000, 128001},
    {"Llama 3.2 1B, as newer libraries write it",
     FOUND("llama", "Llama",
           LLAMA_1B
           "\"dtype\": \"bfloat16\", \"rope_parameters\": {\"rope_theta\": 500000.0, " SCALING
           "}, \"bos_token_id\": 128000, \"eos_token_id\": [128001, 128008, 128009]"),
     1235814400, "llama-1b", 128000, 128001},
    {"TinyLlama 1.1B",
     FOUND("llama", "Llama",
           "\"bos_token_id\": 1, \"eos_token_id\": 2, \"hidden_size\": 2048, "
           "\"initializer_range\": 0.02, \"intermediate_size\": 5632, "
           "\"max_position_embeddings\": 2048, \"num_attention_heads\": 32, "
           "\"num_hidden_layers\": 22, \"num_key_value_heads\": 4, \"pretraining_tp\": 1, "
           "\"rms_norm_eps\": 1e-05, \"rope_scaling\": null, \"tie_word_embeddings\": false, "
           "\"vocab_size\": 32000"),
     1100048384, NULL, 1, 2},
    {"SmolLM2 135M",
     FOUND("llama", "Llama",
           "\"attention_bias\": false, \"bos_token_id\": 0, \"eos_token_id\": 0, "
           "\"hidden_size\": 576, \"initializer_range\": 0.041666666666666664, "
           "\"intermediate_size\": 1536, \"is_llama_config\": true, "
           "\"max_position_embeddings\": 8192, \"num_attention_heads\": 9, "
           "\"num_hidden_layers\": 30, \"num_key_value_heads\": 3, \"pretraining_tp\": 1, "
           "\"rms_norm_eps\": 1e-05, \"rope_interleaved\": false, \"rope_scaling\": null, "
           "\"rope_theta\": 100000, \"tie_word_embeddings\": true, \"vocab_size\": 49152, "
           "\"transformers.js_config\": {\"dtype\": \"q4\"}"),
     134515008, NULL, 0, 0},
    {"Llama 2 7B, linearly scaled",
     FOUND("llama", "Llama",
           "\"bos_token_id\": 1, \"eos_token_id\": 2, \"pad_token_id\": 0, \"hidden_size\": 4096, "
           "\"initializer_range\": 0.02, \"intermediate_size\": 11008, "
           "\"max_position_embeddings\": 4096, \"max_sequence_length\": 2048, "
           "\"num_attention_heads\": 32, \"num_hidden_layers\": 32, \"rms_norm_eps\": 1e-06, "
           "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 4.0}, \"vocab_size\": 32000"),
     6738415616, NULL, 1, 2},
    {"Mistral 7B v0.3",
     FOUND("mistral", "Mistral",
           "\"bos_token_id\": 1, \"eos_token_id\": 2, \"hidden_size\": 4096, "
           "\"initializer_range\": 0.02, \"intermediate_size\": 14336, "
           "\"max_position_embeddings\": 32768, \"num_attention_heads\": 32, "
           "\"num_hidden_layers\": 32, \"num_key_value_heads\": 8, \"rms_norm_eps\": 1e-05, "
           "\"rope_theta\": 1000000.0, \"sliding_window\": null, \"tie_word_embeddings\": false, "
           "\"vocab_size\": 32768"),
     7248023552, "mistral-7b", 1, 2},
    {"Qwen 2.5 0.5B",
     FOUND("qwen2", "Qwen2",
           "\"bos_token_id\": 151643, \"eos_token_id\": 151643, \"hidden_size\": 896, "
           "\"initializer_range\": 0.02, \"intermediate_size\": 4864, "
           "\"max_position_embeddings\": 32768, \"max_window_layers\": 24, "
           "\"num_attention_heads\": 14, \"num_hidden_layers\": 24, \"num_key_value_heads\": 2, "
           "\"rms_norm_eps\": 1e-06, \"rope_theta\": 1000000.0, \"sliding_window\": 32768, "
           "\"tie_word_embeddings\": true, \"use_mrope\": false, \"use_sliding_window\": false, "
           "\"vocab_size\": 151936"),
     494032768, "qwen2-0.5b", 151643, 151643},
    {"Qwen 3 0.6B",
     FOUND("qwen3", "Qwen3",
           "\"attention_bias\": false, \"bos_token_id\": 151643, \"eos_token_id\": 151645, "
           "\"head_dim\": 128, \"hidden_size\": 1024, \"initializer_range\": 0.02, "
           "\"intermediate_size\": 3072, \"max_position_embeddings\": 40960, "
           "\"max_window_layers\": 28, \"num_attention_heads\": 16, \"num_hidden_layers\": 28, "
           "\"num_key_value_heads\": 8, \"rms_norm_eps\": 1e-06, \"rope_scaling\": null, "
           "\"rope_theta\": 1000000, \"sliding_window\": null, \"tie_word_embeddings\": true, "
           "\"use_sliding_window\": false, \"vocab_size\": 151936"),
     596049920, "qwen3-0.6b", 151643, 151645},
};

/* All that the family keeps: its own numbers, and what every family has. */
static void assert_same_model(const sluice_model_config *a, const sluice_model_config *b,
                              const char *what) {
    if (a->family != b->family || memcmp(a->own, b->own, sizeof a->own) != 0 ||
        a->initializer_range != b->initializer_range)
        fail_msg("%s is another model", what);
}

static void check_found(const folder *in, const found *file) {
    sluice_model_config config, again, preset;
    const char *const path = folder_path(in, "config.json");
    folder_write(in, "config.json", file->text, strlen(file->text));
    if (sluice_model_config_read(&config, path) != SLUICE_OK)
        fail_msg("%s is refused: %s", file->what, sluice_last_error()->what);
    const int64_t count = count_of(&config);
    if (count != file->count)
        fail_msg("%s has %lld parameters, and should have %lld", file->what, (long long)count,
                 (long long)file->count);
    assert_int_equal(config.bos_token, file->bos);
    assert_int_equal(config.eos_token, file->eos);
    assert_ok(sluice_model_config_write(path, &config));
    assert_ok(sluice_model_config_read(&again, path));
    assert_same_model(&config, &again, file->what);
    assert_int_equal(again.more_eos_count, config.more_eos_count);
    if (!file->same_as) return;
    assert_ok(sluice_model_config_preset(&preset, file->same_as, 0));
    assert_same_model(&config, &preset, file->what);
}

static void files_of_the_hub_are_read(void **state) {
    (void)state;
    const folder in = folder_make();
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) check_found(&in, &files[k]);
    folder_remove(&in);
}

static void several_tokens_may_end_a_text(void **state) {
    (void)state;
    const folder in        = folder_make();
    const char *const path = folder_path(&in, "config.json");
    sluice_model_config config;
    folder_write(&in, "config.json", files[1].text, strlen(files[1].text));
    for (int k = 0; k < 2; k++) {
        assert_ok(sluice_model_config_read(&config, path));
        assert_int_equal(config.eos_token, 128001);
        assert_int_equal(config.more_eos_count, 2);
        assert_int_equal(config.more_eos[0], 128008);
        assert_int_equal(config.more_eos[1], 128009);
        assert_ok(sluice_model_config_write(path, &config));
    }
    folder_remove(&in);
}

/* ---- single fields ---- */

#define SMALL                                                                                      \
    "\"vocab_size\": 80, \"hidden_size\": 24, \"intermediate_size\": 40, "                         \
    "\"num_hidden_layers\": 2, \"num_attention_heads\": 4"

/* A file that has more. */
typedef struct change {
    const char *type, *more;
    const char *says; /* after the path; NULL: it is read */
    int64_t count;    /* of parameters */
} change;

enum {
    /* Embedding and head, two blocks of norms, products and MLP, and the last norm. */
    OUTER = 2 * 80 * 24 + 24,
    MLP   = 3 * 40 * 24,
    BLOCK = 2 * 24 + 4 * 24 * 24 + MLP, /* as many key/value heads as heads */
    PLAIN = OUTER + 2 * BLOCK
};

static const change changes[] = {
    {"llama", "\"num_key_value_heads\": null", NULL, PLAIN},
    {"llama", "\"num_key_value_heads\": 2", NULL, PLAIN - 2 * 2 * 12 * 24},
    {"llama", "\"head_dim\": null", NULL, PLAIN},
    {"llama", "\"head_dim\": 10", NULL, PLAIN + 2 * 4 * 16 * 24},
    {"llama", "\"attention_bias\": true", NULL, PLAIN + 2 * 4 * 24},
    {"llama", "\"mlp_bias\": true", NULL, PLAIN + 2 * (2 * 40 + 24)},
    {"llama", "\"tie_word_embeddings\": true", NULL, PLAIN - 80 * 24},
    {"llama", "\"rope_scaling\": {\"rope_type\": \"default\"}", NULL, PLAIN},
    {"llama", "\"rope_parameters\": {\"rope_theta\": 10000.0, \"partial_rotary_factor\": 1.0}",
     NULL, PLAIN},
    {"mistral", "\"num_key_value_heads\": 4, \"sliding_window\": 64", NULL, PLAIN},
    {"qwen2", "\"num_key_value_heads\": 4, \"layer_types\": [\"full_attention\"]", NULL,
     PLAIN + 2 * 3 * 24},
    {"qwen2", "\"num_key_value_heads\": null", NULL, PLAIN + 2 * 3 * 24},
    {"qwen3", "\"num_key_value_heads\": 4, \"head_dim\": 6", NULL, PLAIN + 2 * 2 * 6},
    {"qwen3", "\"num_key_value_heads\": 4", NULL, PLAIN + 2 * (4 * 4 * 122 * 24 + 2 * 128)},

    {"llama", "\"hidden_act\": \"gelu\"",
     "\"hidden_act\" in '*' is \"gelu\"; only \"silu\" is supported", 0},
    {"llama", "\"pretraining_tp\": 2", "\"pretraining_tp\" in '*' is 2; only 1 is supported", 0},
    {"llama", "\"sliding_window\": 8",
     "\"sliding_window\" in '*' is not a known field, and could change the arithmetic", 0},
    {"llama", "\"num_key_value_heads\": 3",
     "\"num_attention_heads\" in '*' is 4, which 3 key/value heads do not divide", 0},
    {"llama", "\"head_dim\": 5",
     "heads in '*' have a width of 5; rotary positions turn pairs of elements, so that it must be "
     "even",
     0},
    {"llama", "\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4.0}",
     "\"rope_type\" in '*' is \"yarn\"; only \"default\", \"linear\" or \"llama3\" is supported",
     0},
    {"llama", "\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 4.0}",
     "\"type\" in '*' is \"dynamic\"; only \"default\", \"linear\" or \"llama3\" is supported", 0},
    {"qwen2",
     "\"num_key_value_heads\": 4, \"rope_parameters\": {\"rope_type\": \"longrope\", \"factor\": "
     "4.0}",
     "\"rope_type\" in '*' is \"longrope\"; only \"default\", \"linear\" or \"llama3\" is "
     "supported",
     0},
    {"llama", "\"rope_scaling\": {\"rope_type\": \"linear\"}",
     "the scaling of rotary positions in '*' has no \"factor\"", 0},
    {"mistral", "\"sliding_window\": null, \"num_key_value_heads\": null", NULL, PLAIN},
    {"llama",
     "\"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 2.0, \"attention_factor\": 1.5}",
     "\"attention_factor\" in \"rope_scaling\" in '*' is not a known field, and could change the "
     "arithmetic",
     0},
    {"llama", "\"rope_parameters\": {\"partial_rotary_factor\": 0.5}",
     "\"partial_rotary_factor\" in '*' is 0.5; only 1 is supported", 0},
    {"llama",
     "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 4.0, "
     "\"high_freq_factor\": 4.0}",
     "\"low_freq_factor\" in '*' is 4, and \"high_freq_factor\" 4; it must be larger", 0},
    {"llama", "\"rope_scaling\": 2.0", "\"rope_scaling\" in '*' is not an object", 0},
    {"llama", "\"rope_scaling\": {\"factor\": 1.0}, \"rope_parameters\": {\"rope_theta\": 1.0}",
     "'*' has both \"rope_parameters\" and \"rope_scaling\"", 0},
    {"llama", "\"rope_theta\": 1e-60", "\"rope_theta\" in '*' is 1e-60, which fp32 does not hold",
     0},
    {"llama", "\"rms_norm_eps\": 1e60",
     "\"rms_norm_eps\" in '*' is 1e+60, which fp32 does not hold", 0},
    {"llama", "\"rope_theta\": 0", "\"rope_theta\" in '*' is not a number above 0", 0},
    {"mistral", "\"num_key_value_heads\": 4, \"sliding_window\": 32",
     "\"sliding_window\" in '*' is 32, less than the 64 positions; sliding windows are not "
     "supported",
     0},
    {"mistral", "\"num_key_value_heads\": 4, \"max_position_embeddings\": 8192",
     "\"sliding_window\" in '*' is 4096 (not given), less than the 8192 positions; sliding windows "
     "are not supported",
     0},
    {"qwen2", "\"use_sliding_window\": true",
     "\"use_sliding_window\" in '*' is true; only false is supported", 0},
    {"qwen3",
     "\"num_key_value_heads\": 4, \"layer_types\": [\"full_attention\", \"sliding_attention\"]",
     "\"layer_types\" in '*' is [\"full_attention\",\"sliding_attention\"]; only a list of "
     "\"full_attention\" is supported",
     0},
    {"qwen3", "\"eos_token_id\": [1, 2, 3, 4, 5, 6, 7, 8, 9], \"num_key_value_heads\": 4",
     "\"eos_token_id\" in '*' is a list of 9 tokens; there may be 8", 0},
};

static void check_change(const folder *in, const change *with) {
    sluice_model_config config;
    char text[600];
    const bool has_positions = strstr(with->more, "max_position_embeddings") != NULL;
    (void)snprintf(text, sizeof text, "{\"model_type\": \"%s\", %s%s, %s}", with->type, SMALL,
                   has_positions ? "" : ", \"max_position_embeddings\": 64", with->more);
    folder_write(in, "config.json", text, strlen(text));
    const sluice_status status = sluice_model_config_read(&config, folder_path(in, "config.json"));
    const char *const what     = status == SLUICE_OK ? "it is read" : sluice_last_error()->what;
    if (with->says ? status == SLUICE_OK || !test_has(what, with->says) : status != SLUICE_OK)
        fail_msg("%s with %s: '%s', expected '%s'", with->type, with->more, what,
                 with->says ? with->says : "it is read");
    if (with->says) return;
    const int64_t count = count_of(&config);
    if (count != with->count)
        fail_msg("%s with %s has %lld parameters, and should have %lld", with->type, with->more,
                 (long long)count, (long long)with->count);
}

static void fields_mean_what_they_mean_elsewhere_or_are_refused(void **state) {
    (void)state;
    const folder in = folder_make();
    for (size_t k = 0; k < sizeof changes / sizeof *changes; k++) check_change(&in, &changes[k]);
    folder_remove(&in);
}

/* ---- the model ---- */

static bool has_tensor(const sluice_model *model, const char *name) {
    for (int u = 0; u < sluice_model_use_count(model); u++) {
        const sluice_parameter_use *const use = sluice_model_use(model, u);
        for (int k = 0; k < sluice_parameter_tensor_count(use); k++)
            if (strcmp(sluice_parameter_tensor_at(use, k).name, name) == 0) return true;
    }
    return false;
}

static void names_are_those_of_the_hub(void **state) {
    (void)state;
    static const char *const names[] = {
        "model.embed_tokens.weight",
        "model.layers.27.input_layernorm.weight",
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.0.self_attn.k_proj.weight",
        "model.layers.0.self_attn.v_proj.weight",
        "model.layers.0.self_attn.q_norm.weight",
        "model.layers.0.self_attn.k_norm.weight",
        "model.layers.0.self_attn.o_proj.weight",
        "model.layers.0.post_attention_layernorm.weight",
        "model.layers.0.mlp.gate_proj.weight",
        "model.layers.0.mlp.up_proj.weight",
        "model.layers.0.mlp.down_proj.weight",
        "model.norm.weight",
        "lm_head.weight",
    };
    sluice_model_config config;
    sluice_model *model = NULL;
    assert_ok(sluice_model_config_preset(&config, "qwen3-8b", 0));
    assert_ok(sluice_model_from_config(&model, &config, 16));
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (!has_tensor(model, names[k])) fail_msg("qwen3-8b has no '%s'", names[k]);
    sluice_model_free(model);
    assert_refused(sluice_model_from_config(&model, &config, 40961), SLUICE_E_ARGUMENT,
                   "sequences have 40961 tokens; this qwen3 model takes 1 to 40960");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_have_their_published_sizes),
        cmocka_unit_test(small_presets_leave_the_vocabulary_open),
        cmocka_unit_test(files_of_the_hub_are_read),
        cmocka_unit_test(several_tokens_may_end_a_text),
        cmocka_unit_test(fields_mean_what_they_mean_elsewhere_or_are_refused),
        cmocka_unit_test(names_are_those_of_the_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
