/* SPDX-License-Identifier: MIT */
/* test_bpe_hostile.c -- files and texts that might take quadratic time: each would be seconds of
 * it, and is a small part of one otherwise. */
#include <time.h>

#include "runtime/base/alloc.h"
#include "runtime/tokenizer/tokenizer_files.h"
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

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void expect_quick(double begin, double most, const char *what) {
    const double seconds = seconds_now() - begin;
    if (seconds > most) fail_msg("%s takes %.1f s, expected less than %.1f", what, seconds, most);
}

/* ---- white space ---- */

enum { SPACES = 80000 };

/* Each space of a run is a token, which takes those next to it. */
static void check_spaces(const char *flag, const char *text) {
    char config[96], title[64];
    (void)snprintf(config, sizeof config,
                   "{\"added_tokens_decoder\":{\"3\":{\"content\":\" \",\"%s\":true}}}", flag);
    (void)snprintf(title, sizeof title, "a text of %d spaces with %s", SPACES, flag);
    tokenizer by = {flag, make_with("tokenizer_config.json", config), NULL};
    assert_ok(sluice_bpe_encoder_make(&by.encoder, by.bpe));
    const double begin = seconds_now();
    sluice_ids ids     = tokenizer_encode(&by, text, SPACES);
    (void)sluice_bpe_cut(by.bpe, text, SPACES);
    expect_quick(begin, 0.4, title);
    assert_int_equal(ids.count, SPACES);
    sluice_ids_free(&ids);
    tokenizer_close(&by);
}

static void runs_of_spaces_take_linear_time(void **state) {
    char *const text = malloc(SPACES);
    (void)state;
    memset(text, ' ', SPACES);
    check_spaces("rstrip", text);
    check_spaces("lstrip", text);
    free(text);
}

/* ---- lists ---- */

static void lists_of_tokens_take_linear_time(void **state) {
    enum { TOKENS = 100000, LONGEST = 24 };
    char *const list = malloc((size_t)TOKENS * LONGEST);
    size_t at        = 0;
    (void)state;
    for (int k = 0; k < TOKENS; k++)
        at += (size_t)snprintf(list + at, LONGEST, "%c\"<%d>\":%d", k == 0 ? '{' : ',', k, k + 3);
    (void)snprintf(list + at, LONGEST, "}");
    const double begin    = seconds_now();
    sluice_bpe *const bpe = make_with("added_tokens.json", list);
    expect_quick(begin, 2, "a list of 100000 added tokens");
    assert_int_equal(sluice_bpe_vocabulary(bpe), TOKENS + 3);
    assert_int_equal(sluice_bpe_find(bpe, "<99999>"), TOKENS + 2);
    sluice_bpe_free(bpe);
    free(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_of_spaces_take_linear_time),
        cmocka_unit_test(lists_of_tokens_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
