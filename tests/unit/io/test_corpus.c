/* SPDX-License-Identifier: MIT */
/* test_corpus.c -- corpora: their files, windows and order, and refusals. */
#include "tests/support/files.h"

#include "runtime/io/permutation.h"
#include "sluice/data.h"

/* Open `names` of the folder; NULL-terminated. */
static sluice_status open_names(sluice_corpus **out, const folder *in, const char *const *names,
                                int64_t length) {
    const char *paths[4];
    int count = 0;
    while (names[count]) {
        paths[count] = folder_path(in, names[count]);
        count++;
    }
    return sluice_corpus_open(out, paths, count, length);
}

static void write_text(const folder *in, const char *name, const char *text) {
    folder_write(in, name, text, strlen(text));
}

static void files_are_joined_in_order_of_their_names(void **state) {
    (void)state;
    const folder in = folder_make();
    write_text(&in, "t/b.txt", "bcd");
    write_text(&in, "t/a/z.txt", "az");
    write_text(&in, "t/c", "");
    write_text(&in, "t/.hidden", "no");
    write_text(&in, "t/.git/x", "no");
    write_text(&in, "t/build/CMakeCache.txt", "no");
    write_text(&in, "t/out/model.safetensors", "no");
    folder_write(&in, "t/image", "P\0NG", 4);
    write_text(&in, "t/d.txt", "efgh");
    sluice_corpus *corpus;
    assert_ok(open_names(&corpus, &in, (const char *const[]){"t", NULL}, 2));
    assert_int_equal(sluice_corpus_files(corpus), 3);
    assert_int_equal(sluice_corpus_tokens(corpus), 11);
    assert_int_equal(sluice_corpus_vocabulary(corpus), 256);
    static const char all[] = "az\nbcd\nefgh";
    for (int64_t w = 0; w < 5; w++) {
        int32_t inputs[2], targets[2];
        assert_ok(sluice_corpus_window(inputs, targets, corpus, w));
        for (int t = 0; t < 2; t++)
            if (inputs[t] != all[2 * w + t] || targets[t] != all[2 * w + t + 1])
                fail_msg("window %d: '%c' -> '%c', expected '%c' -> '%c'", (int)w, inputs[t],
                         targets[t], all[2 * w + t], all[2 * w + t + 1]);
    }
    sluice_corpus_close(corpus);
    folder_remove(&in);
}

static void write_token_file(const folder *in, const char *name, const int32_t head[4],
                             const void *tokens, size_t count) {
    unsigned char bytes[1024 + 128] = {0};
    memcpy(bytes, head, 16);
    memcpy(bytes + 1024, tokens, count);
    folder_write(in, name, bytes, 1024 + count);
}

static void write_tokens(const folder *in, const char *name, int32_t magic, int32_t version,
                         int32_t says, const uint16_t *tokens, size_t count) {
    write_token_file(in, name, (int32_t[]){magic, version, says, 0}, tokens, 2 * count);
}

static void write_wide(const folder *in, const char *name, int32_t says, int32_t upper,
                       const uint32_t *tokens, size_t count) {
    write_token_file(in, name, (int32_t[]){20240801, 7, says, upper}, tokens, 4 * count);
}

static void token_files_are_read(void **state) {
    (void)state;
    const folder in         = folder_make();
    const uint16_t tokens[] = {1, 2, 50256, 4, 5}, more[] = {6, 60000, 8};
    write_tokens(&in, "a.bin", 20240520, 1, 5, tokens, 5);
    write_tokens(&in, "b.bin", 20240520, 1, 3, more, 3);
    sluice_corpus *corpus;
    assert_ok(open_names(&corpus, &in, (const char *const[]){"a.bin", NULL}, 2));
    assert_int_equal(sluice_corpus_vocabulary(corpus), 50257);
    sluice_corpus_close(corpus);
    assert_ok(open_names(&corpus, &in, (const char *const[]){"a.bin", "b.bin", NULL}, 3));
    assert_int_equal(sluice_corpus_vocabulary(corpus), 60001);
    assert_int_equal(sluice_corpus_tokens(corpus), 8);
    int32_t inputs[3], targets[3];
    assert_ok(sluice_corpus_window(inputs, targets, corpus, 1));
    assert_memory_equal(inputs, ((int32_t[]){4, 5, 6}), sizeof inputs);
    assert_memory_equal(targets, ((int32_t[]){5, 6, 60000}), sizeof targets);
    sluice_corpus_close(corpus);
    folder_remove(&in);
}

static void wide_token_files_are_read_next_to_narrow_ones(void **state) {
    (void)state;
    const folder in         = folder_make();
    const uint16_t narrow[] = {1, 2, 3};
    const uint32_t wide[]   = {128255, 0x7fffffff, 7, 70000};
    sluice_corpus *corpus;
    write_tokens(&in, "a.bin", 20240520, 1, 3, narrow, 3);
    write_wide(&in, "b.bin", 4, 0, wide, 4);
    assert_ok(open_names(&corpus, &in, (const char *const[]){"a.bin", "b.bin", NULL}, 3));
    assert_int_equal(sluice_corpus_tokens(corpus), 7);
    if (sluice_corpus_vocabulary(corpus) != INT64_C(1) << 31)
        fail_msg("the vocabulary is %lld", (long long)sluice_corpus_vocabulary(corpus));
    int32_t inputs[3], targets[3];
    assert_ok(sluice_corpus_window(inputs, targets, corpus, 1));
    assert_memory_equal(inputs, ((int32_t[]){128255, 0x7fffffff, 7}), sizeof inputs);
    assert_memory_equal(targets, ((int32_t[]){0x7fffffff, 7, 70000}), sizeof targets);
    sluice_corpus_close(corpus);
    folder_remove(&in);
}

static void bad_wide_token_files_are_refused(void **state) {
    (void)state;
    const folder in       = folder_make();
    const uint32_t wide[] = {1, 2, 0x80000000U, 4, 5};
    const int32_t mixed[] = {20240801, 1, 5, 0};
    char says[256];
    sluice_corpus *corpus;
    write_wide(&in, "large.bin", 5, 0, wide, 5);
    write_wide(&in, "upper.bin", 5, 1, wide, 5);
    write_token_file(&in, "mixed.bin", mixed, wide, sizeof wide);
    write_token_file(&in, "half.bin", (const int32_t[]){20240801, 7, 5, 0}, wide, 18);
    const struct {
        const char *name, *says;
        sluice_status status;
    } cases[] = {
        {"large.bin",
         "has token 2147483648 at byte 1032, which is not below the vocabulary of 2147483648",
         SLUICE_E_ARGUMENT},
        {"upper.bin", "says it has 4294967301 tokens, but 20 bytes follow its header",
         SLUICE_E_PARSE},
        {"mixed.bin", "is a token file of version 1; known is 7", SLUICE_E_PARSE},
        {"half.bin", "says it has 5 tokens, but 18 bytes follow its header", SLUICE_E_PARSE},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        snprintf(says, sizeof says, "'%s/%s' %s", in.path, cases[k].name, cases[k].says);
        assert_refused(open_names(&corpus, &in, (const char *const[]){cases[k].name, NULL}, 2),
                       cases[k].status, says);
    }
    folder_remove(&in);
}

static void each_epoch_has_every_training_window_once(void **state) {
    (void)state;
    const folder in = folder_make();
    char text[1000];
    memset(text, 'x', sizeof text);
    folder_write(&in, "x", text, sizeof text);
    sluice_corpus *corpus;
    assert_ok(open_names(&corpus, &in, (const char *const[]){"x", NULL}, 9));
    assert_int_equal(sluice_corpus_training_windows(corpus), 106);
    assert_int_equal(sluice_corpus_held_out_windows(corpus), 5);
    assert_int_equal(sluice_corpus_held_out(corpus, 0), 106);
    int seen[3][106] = {0}, moved = 0;
    int64_t first[106] = {0};
    for (int64_t index = 0; index < 318; index++) {
        /* 318 samples in minibatches of 6: epochs begin within a minibatch */
        const int64_t window = sluice_corpus_sample(corpus, 7, index / 6, 6, index % 6);
        assert_in_range(window, 0, 105);
        seen[index / 106][window]++;
        if (index < 106) first[index] = window;
        if (index >= 106 && index < 212) moved += window != first[index - 106];
    }
    for (int e = 0; e < 3; e++)
        for (int w = 0; w < 106; w++)
            if (seen[e][w] != 1) fail_msg("epoch %d has window %d %d times", e, w, seen[e][w]);
    if (moved < 90) fail_msg("the second epoch moves only %d of 106 windows", moved);
    sluice_corpus_close(corpus);
    folder_remove(&in);
}

static void permutations_are_permutations(void **state) {
    (void)state;
    for (uint64_t n = 1; n <= 300; n += n < 20 ? 1 : 37) {
        unsigned char seen[300] = {0};
        for (uint64_t k = 0; k < n; k++) {
            const uint64_t image = sluice__permute(k, n, n * 3, 2);
            if (image >= n || seen[image]++) fail_msg("n = %d: %d comes twice", (int)n, (int)image);
        }
    }
}

static void bad_corpora_are_refused(void **state) {
    (void)state;
    const folder in         = folder_make();
    const uint16_t tokens[] = {1, 2, 3};
    char says[256];
    sluice_corpus *corpus;
    write_text(&in, "text", "some text");
    write_text(&in, "even", "0123456789abcdef"); /* the last token has no target */
    write_text(&in, "empty", "");
    write_text(&in, "nothing/.x", "hidden");
    folder_write(&in, "image", "P\0NG", 4);
    write_tokens(&in, "magic.bin", 20240521, 1, 3, tokens, 3);
    write_tokens(&in, "version.bin", 20240520, 2, 3, tokens, 3);
    write_tokens(&in, "short.bin", 20240520, 1, 4, tokens, 3);
    write_tokens(&in, "good.bin", 20240520, 1, 3, tokens, 3);
    folder_write(&in, "header.bin", "abc", 3);
    const struct {
        const char *names[3], *says; /* %s: the folder */
        sluice_status status;
    } cases[] = {
        {{"none"}, "cannot read '%s/none': No such file or directory", SLUICE_E_IO},
        {{"empty"}, "'%s/empty' is empty", SLUICE_E_ARGUMENT},
        {{"nothing"}, "there is no text in the data", SLUICE_E_ARGUMENT},
        {{"image"}, "'%s/image' is not text: it has a zero byte", SLUICE_E_ARGUMENT},
        {{"text"}, "the data has 9 tokens; two sequences of 8 need 17", SLUICE_E_ARGUMENT},
        {{"even"}, "the data has 16 tokens; two sequences of 8 need 17", SLUICE_E_ARGUMENT},
        {{"magic.bin"},
         "'%s/magic.bin' begins with 20240521, a token file with 20240520 or 20240801",
         SLUICE_E_PARSE},
        {{"version.bin"},
         "'%s/version.bin' is a token file of version 2; known is 1",
         SLUICE_E_PARSE},
        {{"short.bin"},
         "'%s/short.bin' says it has 4 tokens, but 6 bytes follow its header",
         SLUICE_E_PARSE},
        {{"header.bin"},
         "'%s/header.bin' has 3 bytes, fewer than a token file's header, which has 1024",
         SLUICE_E_PARSE},
        {{"text", "good.bin"},
         "'%s/good.bin' does not go with the paths before it: text and token files cannot be mixed",
         SLUICE_E_ARGUMENT},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const char *mark = strstr(cases[k].says, "%s");
        const int before = mark ? (int)(mark - cases[k].says) : (int)strlen(cases[k].says);
        snprintf(says, sizeof says, "%.*s%s%s", before, cases[k].says, mark ? in.path : "",
                 mark ? mark + 2 : "");
        assert_refused(open_names(&corpus, &in, cases[k].names, 8), cases[k].status, says);
    }
    assert_refused(open_names(&corpus, &in, cases[4].names, -1), SLUICE_E_ARGUMENT,
                   "sequences of -1 tokens; use at least 1");
    folder_remove(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_joined_in_order_of_their_names),
        cmocka_unit_test(token_files_are_read),
        cmocka_unit_test(wide_token_files_are_read_next_to_narrow_ones),
        cmocka_unit_test(bad_wide_token_files_are_refused),
        cmocka_unit_test(each_epoch_has_every_training_window_once),
        cmocka_unit_test(permutations_are_permutations),
        cmocka_unit_test(bad_corpora_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
