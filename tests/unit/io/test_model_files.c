/* SPDX-License-Identifier: MIT */
/* test_model_files.c -- safetensors and config.json: files written are read back, broken ones are
 * refused. */
#include "tests/support/stored.h"

#include <unistd.h>

#include "runtime/io/write.h"
#include "sluice/file.h"
#include "sluice/gpt2.h"

static void what_is_written_is_read_back(void **state) {
    (void)state;
    const folder in = folder_make();
    const float a[] = {1, 2, 3, 4, 5, 6}, b[] = {-7};
    const sluice_named_tensor tensors[] = {
        {"transformer.wte.weight", {SLUICE_TYPE_F32, 2, {2, 3}}, a},
        {"b \"quoted\"", {SLUICE_TYPE_F32, 1, {1}}, b},
        {"none", {SLUICE_TYPE_F32, 2, {0, 5}}, a},
    };
    const char *path = folder_path(&in, "f");
    assert_ok(sluice_safetensors_write(path, tensors, 3));
    sluice_safetensors *file;
    assert_ok(sluice_safetensors_open(&file, path));
    assert_int_equal(sluice_safetensors_count(file), 3);
    for (int k = 0; k < 3; k++) {
        const sluice_stored_tensor *got = sluice_safetensors_find(file, tensors[k].name);
        float values[6]                 = {0};
        assert_non_null(got);
        assert_int_equal(got->shape.dim_count, tensors[k].shape.dim_count);
        assert_memory_equal(got->shape.dims, tensors[k].shape.dims, sizeof got->shape.dims);
        assert_ok(sluice_safetensors_read(values, got, 0, sluice_shape_count(&got->shape)));
        assert_memory_equal(values, tensors[k].values, sluice_shape_bytes(&got->shape));
    }
    assert_null(sluice_safetensors_find(file, "other"));
    sluice_safetensors_close(file);
    folder_remove(&in);
}

static void a_file_cut_anywhere_is_refused(void **state) {
    (void)state;
    const folder in                  = folder_make();
    const float values[]             = {1, 2, 3, 4, 5, 6};
    const sluice_named_tensor tensor = {"w", {SLUICE_TYPE_F32, 2, {2, 3}}, values};
    assert_ok(sluice_safetensors_write(folder_path(&in, "f"), &tensor, 1));
    char bytes[512];
    FILE *whole        = fopen(folder_path(&in, "f"), "rb");
    const size_t count = fread(bytes, 1, sizeof bytes, whole);
    fclose(whole);
    for (size_t cut = 0; cut < count; cut++) {
        folder_write(&in, "cut", bytes, cut);
        sluice_safetensors *file;
        const sluice_status got = sluice_safetensors_open(&file, folder_path(&in, "cut"));
        if (got != SLUICE_E_PARSE)
            fail_msg("cut after %zu of %zu bytes: %s", cut, count, sluice_status_name(got));
    }
    folder_remove(&in);
}

static void broken_headers_are_named(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        const char *says; /* in the message */
    } cases[] = {
        {"[]", 0, "is not a JSON object"},
        {"{", 0, "the header of"},
        {"{\"a\":1, \"a\":2}", 0, "duplicate"},
        {"{\"a\":{}}", 0, "tensor 'a' of * has no dtype"},
        {"{\"a\":{\"dtype\":\"F4\"}}", 0, "has an unknown dtype"},
        {"{\"a\":{\"dtype\":\"F32\"}}", 0, "has no list of dimensions"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1]}}", 0,
         "has 5 dimensions; at most 4 are supported"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1]}}", 0, "has a dimension that is not a size"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296]}}", 0,
         "has a dimension that is not a size"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "does not have two data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 4,
         "is at 0..8, but there are 4 bytes of data"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
         "has a shape that does not fit its data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
         4, "shares bytes with another"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8,
         "comes after bytes that belong to no tensor"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8,
         "has 4 bytes after its last tensor"},
    };
    const folder in = folder_make();
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        write_header(&in, "f", cases[k].header, cases[k].data);
        sluice_safetensors *file;
        const sluice_status got = sluice_safetensors_open(&file, folder_path(&in, "f"));
        const char *what        = sluice_last_error()->what;
        if (got == SLUICE_OK || !test_has(what, cases[k].says))
            fail_msg("%s: '%s', expected '%s'", cases[k].header,
                     got == SLUICE_OK ? "(nothing)" : what, cases[k].says);
    }
    folder_remove(&in);
}

/* Also in a file that fills its last page, past which nothing can be read. */
static void a_header_longer_than_the_file_is_refused(void **state) {
    (void)state;
    const folder in = folder_make();
    for (int whole_page = 0; whole_page < 2; whole_page++)
        for (uint64_t beyond = 1; beyond <= 9; beyond++) {
            char bytes[4096], expected[256];
            const size_t size     = whole_page ? sizeof bytes : 34;
            const uint64_t length = size - 8 + beyond;
            sluice_safetensors *file;
            memset(bytes, ' ', sizeof bytes);
            memcpy(bytes, &length, 8);
            memcpy(bytes + 8, "{}", 2);
            folder_write(&in, "f", bytes, size);
            const char *path = folder_path(&in, "f");
            (void)snprintf(expected, sizeof expected,
                           "'%s' says its header has %llu bytes, but %zu bytes follow", path,
                           (unsigned long long)length, size - 8);
            const sluice_status got = sluice_safetensors_open(&file, path);
            if (got != SLUICE_E_PARSE || strcmp(sluice_last_error()->what, expected) != 0)
                fail_msg("a header %d bytes longer than the rest of the file: '%s', expected '%s'",
                         (int)beyond, got == SLUICE_OK ? "it is read" : sluice_last_error()->what,
                         expected);
        }
    folder_remove(&in);
}

/* Readers that map a file want its values aligned. */
static void data_begins_at_a_multiple_of_8(void **state) {
    (void)state;
    const folder in      = folder_make();
    const float values[] = {1};
    for (int letters = 1; letters <= 8; letters++) {
        const char *const name           = &"abcdefgh"[8 - letters];
        const sluice_named_tensor tensor = {name, {SLUICE_TYPE_F32, 1, {1}}, values};
        uint64_t length                  = 0;
        const char *path                 = folder_path(&in, "f");
        assert_ok(sluice_safetensors_write(path, &tensor, 1));
        FILE *file = fopen(path, "rb");
        if (!file || fread(&length, sizeof length, 1, file) != 1) fail_msg("cannot read %s", path);
        (void)fclose(file);
        if (length % 8 != 0)
            fail_msg("a header of %llu bytes is written: the data begins at byte %llu, which is no "
                     "multiple of 8",
                     (unsigned long long)length, (unsigned long long)length + 8);
    }
    folder_remove(&in);
}

static void a_file_that_cannot_be_written_is_named(void **state) {
    (void)state;
    assert_refused(sluice_safetensors_write("/nowhere/at/all", NULL, 0), SLUICE_E_IO,
                   "cannot write '/nowhere/at/all': No such file or directory");
}

static void a_file_that_is_not_complete_leaves_the_old_one(void **state) {
    (void)state;
    const folder in  = folder_make();
    const char *path = folder_path(&in, "f");
    char text[8]     = "";
    sluice__writer writer;
    folder_write(&in, "f", "old", 3);
    assert_ok(sluice__write_begin(&writer, path));
    assert_ok(sluice__write(&writer, "new", 2));
    if (sluice__write_end(&writer, SLUICE_E_HOST_MEMORY) != SLUICE_E_HOST_MEMORY)
        fail_msg("a file whose content could not be made is written without an error");
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("the old file is gone");
    (void)!fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    if (strcmp(text, "old") != 0) fail_msg("a part of a new file replaces the old one: '%s'", text);
    if (access(folder_path(&in, "f.part"), F_OK) == 0) fail_msg("the part is left");
    folder_remove(&in);
}

/* A config.json with everything that is needed, and what `rest` adds. */
#define GOOD(rest)                                                                                 \
    "{\"vocab_size\":5,\"n_positions\":8,\"n_embd\":4,\"n_layer\":1,\"n_head\":2" rest "}"

static void config_json_is_written_and_read_back(void **state) {
    (void)state;
    const folder in                = folder_make();
    const sluice_gpt_config config = {300, 64, 48, 3, 4, false, 0.1F};
    const char *path               = folder_path(&in, "config.json");
    sluice_model_config any;
    sluice_gpt_config got;
    sluice_gpt_to_model_config(&any, &config);
    assert_ok(sluice_model_config_write(path, &any));
    assert_ok(sluice_model_config_read(&any, path));
    assert_ok(sluice_gpt_from_model_config(&got, &any));
    assert_int_equal(got.vocabulary, 300);
    assert_int_equal(got.positions, 64);
    assert_int_equal(got.width, 48);
    assert_int_equal(got.layers, 3);
    assert_int_equal(got.heads, 4);
    assert_false(got.tied);
    folder_remove(&in);
}

static const struct {
    const char *text, *says; /* NULL: it is read */
} configs[] = {
    {"{\"vocab_size\":5,\"n_ctx\":8,\"n_embd\":4,\"n_layer\":1,\"n_head\":2}", NULL},
    {GOOD(",\"n_inner\":16,\"layer_norm_epsilon\":1e-05,\"summary_type\":\"x\""), NULL},
    {"[]", "is not a JSON object"},
    {"{\"a\" 1}", "line 1, byte 6: "},
    {"{}", "has no \"vocab_size\""},
    {"{\"vocab_size\":0}", "\"vocab_size\" in * is not a count from 1 to 1073741824"},
    {"{\"model_type\":\"gemma\"}", "is \"gemma\"; only \"gpt2\" or \"llama\" or"},
    {"{\"activation_function\":\"relu\"}", "is \"relu\"; only \"gelu_new\" is supported"},
    {"{\"layer_norm_epsilon\":1e-06}",
     "\"layer_norm_epsilon\" in * is 1e-6; only 1e-5 is supported"},
    {"{\"layer_norm_epsilon\":\"1e-5\"}", "is \"1e-5\"; only 1e-5 is supported"},
    {"{\"scale_attn_weights\":false}", "is false; only true is supported"},
    {"{\"scale_attn_weights\":1}", "is 1; only true is supported"},
    {"{\"scale_attn_by_inverse_layer_idx\":true}",
     "\"scale_attn_by_inverse_layer_idx\" in * is true; only false is supported"},
    {"{\"add_cross_attention\":true}",
     "\"add_cross_attention\" in * is true; only false is supported"},
    {"{\"reorder_and_upcast_attn\":true}",
     "\"reorder_and_upcast_attn\" in * is true; only false is supported"},
    {"{\"is_encoder_decoder\":true}", "is true; only false is supported"},
    {"{\"cross_attention_hidden_size\":64}", "is 64; only null is supported"},
    {"{\"pruned_heads\":{\"0\":[1]}}", "is {\"0\":[1]}; only {} is supported"},
    {"{\"quantization_config\":{\"bits\":4}}", "is {\"bits\":4}; only null is supported"},
    {"{\"auto_map\":{}}", "\"auto_map\" in * is {}; only null is supported"},
    {"{\"layer_norm_eps\":1e-06}",
     "\"layer_norm_eps\" in * is not a known field, and could change the arithmetic"},
    {"{\"rope_scaling\":null}", "has no \"vocab_size\""},
    {GOOD(",\"rope_scaling\":{\"factor\":2}"), "\"rope_scaling\" in * is not a known field"},
    {GOOD(",\"initializer_range\":0"), "\"initializer_range\" in * is not a number above 0"},
    {GOOD(",\"initializer_range\":\"0.02\""), "is not a number above 0"},
    {GOOD(",\"initializer_range\":1e999"), "real number overflow"},
    {GOOD(",\"bos_token_id\":-1"), "\"bos_token_id\" in * is not the id of a token"},
    {GOOD(",\"eos_token_id\":1.5"), "\"eos_token_id\" in * is not the id of a token"},
    {GOOD(",\"pad_token_id\":[1]"), "\"pad_token_id\" in * is not the id of a token"},
    {GOOD(",\"pad_token_id\":null,\"eos_token_id\":50256,\"_name_or_path\":\"\","
          "\"torch_dtype\":\"float16\",\"transformers_version\":\"4.1\","
          "\"use_cache\":true,\"id2label\":{\"0\":\"x\"},\"is_decoder\":true,"
          "\"task_specific_params\":{\"text-generation\":{\"do_sample\":true}},"
          "\"pruned_heads\":{},\"attn_pdrop\":0.1,\"summary_type\":\"cls_index\""),
     NULL},
    {"{\"model_type\":null}", "is null; only \"gpt2\" is supported"},
    {"{\"vocab_size\":5,\"n_positions\":8,\"n_embd\":4,\"n_layer\":1,\"n_head\":3}",
     "is 4, which 3 heads do not divide"},
    {GOOD(",\"n_inner\":8"), "is not null or 4 x n_embd = 16"},
    {GOOD(",\"tie_word_embeddings\":1"), "is neither true nor false"},
};

static void fields_of_config_json_are_read_or_refused_by_name(void **state) {
    (void)state;
    const folder in  = folder_make();
    const char *path = folder_path(&in, "config.json");
    sluice_model_config any;
    for (size_t k = 0; k < sizeof configs / sizeof *configs; k++) {
        folder_write(&in, "config.json", configs[k].text, strlen(configs[k].text));
        const sluice_status status = sluice_model_config_read(&any, path);
        const char *what           = status == SLUICE_OK ? "(nothing)" : sluice_last_error()->what;
        if ((status == SLUICE_OK) != !configs[k].says ||
            (configs[k].says && !test_has(what, configs[k].says)))
            fail_msg("%s: '%s', expected '%s'", configs[k].text, what,
                     configs[k].says ? configs[k].says : "(nothing)");
    }
    folder_remove(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(broken_headers_are_named),
        cmocka_unit_test(a_header_longer_than_the_file_is_refused),
        cmocka_unit_test(data_begins_at_a_multiple_of_8),
        cmocka_unit_test(a_file_that_cannot_be_written_is_named),
        cmocka_unit_test(a_file_that_is_not_complete_leaves_the_old_one),
        cmocka_unit_test(config_json_is_written_and_read_back),
        cmocka_unit_test(fields_of_config_json_are_read_or_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
