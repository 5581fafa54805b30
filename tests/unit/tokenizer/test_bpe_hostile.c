/* SPDX-License-Identifier: MIT */
/* test_bpe_hostile.c -- files and texts that might take quadratic time. */
#include "runtime/base/alloc.h"
#include "runtime/tokenizer/tokenizer_files.h"
#include "tests/support/growth.h"
#include "tests/support/tokenizers.h"

static void add_file(sluice_tokenizer *to, const char *name, const char *text) {
    char *copy = NULL;
    assert_ok(sluice__copy_text(&copy, text));
    assert_ok(sluice__tokenizer_add(to, name, copy, strlen(text)));
}

/* A tokenizer of three tokens, and of those in another file. */
static sluice_bpe *make_with(const char *name, const char *text) {
    sluice_tokenizer *files = NULL;
    sluice_bpe *made        = NULL;
    assert_ok(sluice_tokenizer_read(&files, "/no/such/folder"));
    add_file(files, "vocab.json", "{\"a\":0,\"b\":1,\"ab\":2}");
    add_file(files, "merges.txt", "a b\n");
    add_file(files, name, text);
    assert_ok(sluice_bpe_make(&made, files));
    sluice_tokenizer_free(files);
    return made;
}

/* ---- white space ---- */

enum { SPACES = 10000 };

/* Each space of a run is a token, which takes those next to it. */
static void check_spaces(const char *flag) {
    static char text[8 * SPACES];
    char config[96], title[64];
    memset(text, ' ', sizeof text);
    (void)snprintf(config, sizeof config,
                   "{\"added_tokens_decoder\":{\"3\":{\"content\":\" \",\"%s\":true}}}", flag);
    (void)snprintf(title, sizeof title, "a text of spaces with %s", flag);
    tokenizer by = {flag, make_with("tokenizer_config.json", config), NULL};
    assert_ok(sluice_bpe_encoder_make(&by.encoder, by.bpe));
    tokenizer_expect_linear(title, &by, text, SPACES);
    sluice_ids ids = tokenizer_encode(&by, text, sizeof text);
    assert_int_equal(ids.count, sizeof text);
    sluice_ids_free(&ids);
    tokenizer_close(&by);
}

static void runs_of_spaces_take_linear_time(void **state) {
    (void)state;
    check_spaces("rstrip");
    check_spaces("lstrip");
}

/* ---- lists ---- */

static void make_with_list(const void *context, size_t tokens) {
    enum { LONGEST = 24 };
    char *const list = malloc(tokens * LONGEST), last[LONGEST];
    size_t at        = 0;
    (void)context;
    for (size_t k = 0; k < tokens; k++)
        at += (size_t)snprintf(list + at, LONGEST, "%c\"<%zu>\":%zu", k == 0 ? '{' : ',', k, k + 3);
    (void)snprintf(list + at, LONGEST, "}");
    (void)snprintf(last, sizeof last, "<%zu>", tokens - 1);
    sluice_bpe *const bpe = make_with("added_tokens.json", list);
    assert_int_equal(sluice_bpe_vocabulary(bpe), tokens + 3);
    assert_int_equal(sluice_bpe_find(bpe, last), tokens + 2);
    sluice_bpe_free(bpe);
    free(list);
}

static void lists_of_tokens_take_linear_time(void **state) {
    (void)state;
    expect_growth("a list of added tokens", make_with_list, NULL, 12500, 24);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_of_spaces_take_linear_time),
        cmocka_unit_test(lists_of_tokens_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
