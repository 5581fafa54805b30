/* SPDX-License-Identifier: MIT */
/* test_tokenizer.c -- which files a tokenizer has; folders that are not what they should be; and
 * the tokenizer of plain bytes. */
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/files.h"

#include "runtime/train/saves.h"

static const sluice__tokenizer_file *find_file(const sluice_tokenizer *in, const char *name) {
    for (int k = 0; k < in->count; k++)
        if (strcmp(in->list[k].name, name) == 0) return &in->list[k];
    fail_msg("the tokenizer has no '%s'", name);
    return NULL;
}

static void files_are_read_to_the_byte(void **state) {
    static const char *const names[] = {
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "vocab.json",     "added_tokens.json",     "generation_config.json",
        "merges.txt",     "tokenizer.model"};
    enum { NAMES = sizeof names / sizeof *names };
    const folder files     = folder_make();
    sluice_tokenizer *read = NULL;
    int64_t bytes          = 0;
    (void)state;
    for (size_t k = 0; k < NAMES; k++) {
        char content[64];
        memset(content, (int)('a' + k), sizeof content);
        content[k] = '\0';
        folder_write(&files, names[k], content, 8 * k);
        bytes += 8 * (int64_t)k;
    }
    folder_write(&files, "model.safetensors", "x", 1);
    folder_write(&files, "tokenizer.json.old", "x", 1);
    assert_ok(sluice_tokenizer_read(&read, files.path));
    assert_int_equal(sluice_tokenizer_files(read), NAMES);
    assert_int_equal(sluice_tokenizer_bytes(read), bytes);
    for (size_t k = 0; k < NAMES; k++) {
        const sluice__tokenizer_file *const file = find_file(read, names[k]);
        assert_int_equal(file->count, 8 * k);
        for (size_t at = 0; at < 8 * k; at++)
            assert_int_equal(file->bytes[at], at == k ? '\0' : (char)('a' + k));
    }
    sluice_tokenizer_free(read);
    folder_remove(&files);
}

static void no_folder_has_no_tokenizer(void **state) {
    sluice_tokenizer *read = NULL;
    (void)state;
    assert_ok(sluice_tokenizer_read(&read, "/no/such/folder"));
    assert_int_equal(sluice_tokenizer_files(read), 0);
    assert_int_equal(sluice_tokenizer_bytes(read), 0);
    sluice_tokenizer_free(read);
    sluice_tokenizer_free(NULL);
}

/* The folder has another file besides, which may be read: nothing is left half read. */
static void expect_refused(const folder *files, const char *why) {
    sluice_tokenizer *const none = (sluice_tokenizer *)files; /* what it must not become */
    sluice_tokenizer *read       = none;
    char text[160];
    (void)snprintf(text, sizeof text, why, files->path);
    assert_refused(sluice_tokenizer_read(&read, files->path), SLUICE_E_IO, text);
    assert_ptr_equal(read, none);
}

static void what_is_no_file_is_refused(void **state) {
    const folder files = folder_make();
    (void)state;
    folder_write(&files, "tokenizer.json", "{}", 2);
    assert_int_equal(mkfifo(folder_path(&files, "vocab.json"), 0666), 0);
    expect_refused(&files, "'%s/vocab.json' is a FIFO, not a file");
    assert_int_equal(unlink(folder_path(&files, "vocab.json")), 0);
    assert_int_equal(mkdir(folder_path(&files, "vocab.json"), 0777), 0);
    expect_refused(&files, "'%s/vocab.json' is a folder, not a file");
    assert_int_equal(rmdir(folder_path(&files, "vocab.json")), 0);
    assert_int_equal(symlink("nowhere", folder_path(&files, "vocab.json")), 0);
    expect_refused(&files, "cannot read '%s/vocab.json': No such file or directory");
    assert_int_equal(unlink(folder_path(&files, "vocab.json")), 0);
    assert_int_equal(symlink("/dev/zero", folder_path(&files, "vocab.json")), 0);
    expect_refused(&files, "'%s/vocab.json' is a device, not a file");
    assert_int_equal(unlink(folder_path(&files, "vocab.json")), 0);
    folder_write(&files, "vocab.json", "", 0);
    assert_int_equal(truncate(folder_path(&files, "vocab.json"), (256 << 20) + 1), 0);
    expect_refused(&files, "'%s/vocab.json' has 268435457 bytes; a tokenizer's files have at most "
                           "268435456 here");
    folder_remove(&files);
}

static void links_to_files_are_those_files(void **state) {
    const folder files     = folder_make();
    sluice_tokenizer *read = NULL;
    (void)state;
    folder_write(&files, "blob", "{}", 2);
    assert_int_equal(symlink("blob", folder_path(&files, "tokenizer.json")), 0);
    assert_ok(sluice_tokenizer_read(&read, files.path));
    assert_int_equal(sluice_tokenizer_files(read), 1);
    assert_memory_equal(find_file(read, "tokenizer.json")->bytes, "{}", 2);
    sluice_tokenizer_free(read);
    folder_remove(&files);
}

/* ---- plain bytes ---- */

static json_t *parse(const sluice_tokenizer *made, const char *name) {
    const sluice__tokenizer_file *const file = find_file(made, name);
    json_error_t error;
    json_t *const object = json_loadb(file->bytes, file->count, JSON_REJECT_DUPLICATES, &error);
    if (!object) fail_msg("%s is no JSON: line %d: %s", name, error.line, error.text);
    return object;
}

/* The character that stands for a byte, as UTF-8: by the ranges of GPT-2's own program. */
static void name_byte(char out[8], int byte) {
    const int ranges[][2] = {{'!', '~'}, {0xA1, 0xAC}, {0xAE, 0xFF}};
    int hidden[256] = {0}, count = 0, character = byte;
    for (int b = 0; b < 256; b++) {
        bool seen = false;
        for (int r = 0; r < 3; r++) seen = seen || (b >= ranges[r][0] && b <= ranges[r][1]);
        if (!seen) hidden[b] = 256 + count++;
    }
    if (hidden[byte]) character = hidden[byte];
    if (character < 0x80)
        (void)snprintf(out, 8, "%c", character);
    else
        (void)snprintf(out, 8, "%c%c", 0xC0 | character >> 6, 0x80 | (character & 0x3F));
}

static void bytes_are_their_own_ids(void **state) {
    sluice_tokenizer *made = NULL;
    (void)state;
    assert_ok(sluice_tokenizer_of_bytes(&made, 128));
    assert_int_equal(sluice_tokenizer_files(made), 2);
    json_t *const object     = parse(made, "tokenizer.json");
    json_t *const model      = json_object_get(object, "model");
    json_t *const vocabulary = json_object_get(model, "vocab");
    assert_int_equal(json_object_size(vocabulary), 256);
    assert_int_equal(json_array_size(json_object_get(model, "merges")), 0);
    assert_int_equal(json_array_size(json_object_get(object, "added_tokens")), 0);
    for (int byte = 0; byte < 256; byte++) {
        char name[8];
        name_byte(name, byte);
        json_t *const id = json_object_get(vocabulary, name);
        if (!json_is_integer(id) || json_integer_value(id) != byte)
            fail_msg("'%s', which stands for byte %d, has id %lld", name, byte,
                     json_is_integer(id) ? (long long)json_integer_value(id) : -1LL);
    }
    /* Known ones: a space, a newline, NUL, DEL, and the soft hyphen of Latin-1. */
    assert_int_equal(json_integer_value(json_object_get(vocabulary, "\xC4\xA0")), ' ');
    assert_int_equal(json_integer_value(json_object_get(vocabulary, "\xC4\x8A")), '\n');
    assert_int_equal(json_integer_value(json_object_get(vocabulary, "\xC4\x80")), 0);
    assert_int_equal(json_integer_value(json_object_get(vocabulary, "\xC4\xA1")), 0x7F);
    assert_int_equal(json_integer_value(json_object_get(vocabulary, "\xC5\x83")), 0xAD);
    json_decref(object);
    sluice_tokenizer_free(made);
}

static void nothing_is_added_to_a_text(void **state) {
    sluice_tokenizer *made = NULL;
    (void)state;
    assert_ok(sluice_tokenizer_of_bytes(&made, 128));
    json_t *const object = parse(made, "tokenizer.json"), *before;
    json_t *const config = parse(made, "tokenizer_config.json");
    before               = json_object_get(object, "pre_tokenizer");
    assert_true(json_is_false(json_object_get(before, "add_prefix_space")));
    assert_true(json_is_false(json_object_get(before, "use_regex")));
    assert_true(json_is_null(json_object_get(object, "normalizer")));
    assert_true(json_is_null(json_object_get(object, "post_processor")));
    assert_int_equal(json_integer_value(json_object_get(config, "model_max_length")), 128);
    assert_true(json_is_false(json_object_get(config, "clean_up_tokenization_spaces")));
    json_decref(object);
    json_decref(config);
    sluice_tokenizer_free(made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_to_the_byte),
        cmocka_unit_test(no_folder_has_no_tokenizer),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(links_to_files_are_those_files),
        cmocka_unit_test(bytes_are_their_own_ids),
        cmocka_unit_test(nothing_is_added_to_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
