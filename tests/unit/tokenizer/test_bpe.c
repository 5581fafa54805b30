/* SPDX-License-Identifier: MIT */
/*
 * test_bpe.c -- ids are those of the `tokenizers` library on hard texts (expected.txt, made by
 * make_tokenizers.py); tokens become the text again; bytes that are not UTF-8; long words.
 */
#include "tests/support/tokenizers.h"

#include "sluice/allocator.h"

enum { MAX_LINE = 1 << 18, MAX_TEXTS = 128 };

/* ---- the tables ---- */

typedef struct text {
    char *bytes;
    size_t count;
} text;

typedef struct table {
    text list[MAX_TEXTS];
    int count;
} table;

static FILE *open_table(const char *name) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/tests/unit/tokenizer/%s", SLUICE_SOURCE, name);
    FILE *const file = fopen(path, "r");
    if (!file) fail_msg("there is no %s", path);
    return file;
}

/* "HEX*N": those bytes, N times. */
static text read_text(const char *line) {
    const char *const star   = strchr(line, '*');
    const size_t unit        = (size_t)(star - line) / 2;
    const unsigned long many = strtoul(star + 1, NULL, 10);
    text made                = {malloc(unit * many + 1), unit * many};
    for (size_t k = 0; k < unit; k++) {
        const char two[] = {line[2 * k], line[2 * k + 1], '\0'};
        made.bytes[k]    = (char)strtoul(two, NULL, 16);
    }
    for (unsigned long n = 1; n < many; n++) memcpy(made.bytes + n * unit, made.bytes, unit);
    return made;
}

static table *read_texts(void) {
    static char line[MAX_LINE];
    table *const made = calloc(1, sizeof *made);
    FILE *const file  = open_table("texts.txt");
    while (fgets(line, sizeof line, file))
        if (line[0] != '#') made->list[made->count++] = read_text(line);
    fclose(file);
    return made;
}

static void free_texts(table *texts) {
    for (int k = 0; k < texts->count; k++) free(texts->list[k].bytes);
    free(texts);
}

/* "7 8*3": 7 8 8 8. */
static sluice_ids read_ids(const char *line) {
    sluice_ids ids = {.list = calloc(1 << 18, sizeof *ids.list)};
    for (char *end; *line != '\0' && *line != '\n'; line = end) {
        const long id = strtol(line, &end, 10);
        long many     = *end == '*' ? strtol(end + 1, &end, 10) : 1;
        for (; many > 0; many--) ids.list[ids.count++] = (int32_t)id;
        if (*end == ' ') end++;
    }
    return ids;
}

static void check_line(const char *line, const tokenizer *by, const char *kind, const table *texts,
                       int *checked) {
    char *end;
    const size_t length = strcspn(line, " ");
    if (length != strlen(kind) || strncmp(line, kind, length) != 0) return;
    const int number = (int)strtol(line + length, &end, 10);
    char title[32];
    sluice_ids expected = read_ids(end + (*end == ' '));
    sluice_ids got = tokenizer_encode(by, texts->list[number].bytes, texts->list[number].count);
    (void)snprintf(title, sizeof title, "text %d", number);
    tokenizer_compare(&got, &expected, by->kind, title);
    sluice_ids_free(&got);
    free(expected.list);
    (*checked)++;
}

/* `kind` names the tokenizer in the table. */
static void check_kind(const char *folder, const char *kind, const table *texts) {
    static char line[MAX_LINE];
    tokenizer by     = tokenizer_open(folder);
    FILE *const file = open_table("expected.txt");
    int checked      = 0;
    while (fgets(line, sizeof line, file)) check_line(line, &by, kind, texts, &checked);
    assert_int_equal(checked, texts->count);
    fclose(file);
    tokenizer_close(&by);
}

static void ids_are_those_of_the_library(void **state) {
    table *const texts = read_texts();
    (void)state;
    for (int k = 0; k < TOKENIZER_KINDS - 1; k++)
        check_kind(tokenizer_kinds[k], tokenizer_kinds[k], texts);
    check_kind("vocab_json", "gpt2", texts);
    free_texts(texts);
}

/* ---- back to text ---- */

static void check_back(const tokenizer *by, const char *bytes, size_t count, const char *title) {
    sluice_ids ids = tokenizer_encode(by, bytes, count);
    char *back     = NULL;
    size_t length  = 0;
    assert_ok(sluice_bpe_decode(&back, &length, by->bpe, ids.list, ids.count));
    if (length != count || memcmp(back, bytes, count) != 0)
        fail_msg("%s: %s of %zu bytes becomes another of %zu", by->kind, title, count, length);
    sluice_text_free(back);
    sluice_ids_free(&ids);
}

/* Those that neither compose nor put a space in front, nor have tokens with white space. */
static const char *const plain[] = {"gpt2", "llama3", "sequence", "vocab_json", "bytes"};

static tokenizer open_plain(int k) {
    return k == 4 ? tokenizer_open_bytes() : tokenizer_open(plain[k]);
}

static void tokens_become_the_text(void **state) {
    table *const texts = read_texts();
    (void)state;
    for (int k = 0; k < 5; k++) {
        tokenizer by = open_plain(k);
        char title[32];
        for (int n = 0; n < texts->count; n++) {
            (void)snprintf(title, sizeof title, "text %d", n);
            check_back(&by, texts->list[n].bytes, texts->list[n].count, title);
        }
        tokenizer_close(&by);
    }
    free_texts(texts);
}

static void random_bytes_become_themselves(void **state) {
    uint64_t seed = test_seed();
    char random[600];
    (void)state;
    for (int k = 0; k < 5; k++) {
        tokenizer by = open_plain(k);
        for (int n = 0; n < 1000; n++) {
            size_t bytes = tokenizer_random_text(random, sizeof random, &seed, 40, true);
            if (n % 3 == 0)
                for (size_t at = bytes = 200; at-- > 0;) random[at] = (char)test_random(&seed);
            check_back(&by, random, bytes, "a random text");
        }
        tokenizer_close(&by);
    }
}

/* ---- bytes that are not UTF-8 ---- */

static void other_bytes_are_their_tokens(void **state) {
    static const char whole[]  = "ab \xFFwords\xE2\x80 more\xF0\x9F",
                      *parts[] = {"ab ", "words", " more"};
    static const char bad[]    = "\xFF\xE2\x80\xF0\x9F";
    tokenizer by               = tokenizer_open("gpt2");
    sluice_ids expected        = {0};
    int at                     = 0;
    (void)state;
    for (int k = 0; k < 3; k++) {
        assert_ok(sluice_bpe_encode(&expected, by.encoder, parts[k], strlen(parts[k])));
        for (int n = k == 0 ? 1 : 2; n > 0; n--)
            assert_ok(sluice_bpe_encode(&expected, by.encoder, &bad[at++], 1));
    }
    sluice_ids got = tokenizer_encode(&by, whole, sizeof whole - 1);
    tokenizer_compare(&got, &expected, by.kind, "a text with other bytes");
    size_t bytes = 0;
    for (int k = 0; k < 5; k++) {
        sluice_ids one          = tokenizer_encode(&by, &bad[k], 1);
        const char *const token = sluice_bpe_token(&bytes, by.bpe, one.list[0]);
        assert_int_equal(one.count, 1);
        assert_int_equal(bytes, 1);
        assert_int_equal(token[0], bad[k]);
        sluice_ids_free(&one);
    }
    sluice_ids_free(&got);
    sluice_ids_free(&expected);
    tokenizer_close(&by);
}

/* ---- what is known of tokens ---- */

static void tokens_are_known(void **state) {
    tokenizer by = tokenizer_open("llama3");
    size_t bytes = 0;
    char *back   = NULL;
    int64_t count;
    (void)state;
    assert_int_equal(sluice_bpe_vocabulary(by.bpe), 2504);
    assert_int_equal(sluice_bpe_find(by.bpe, "<|eot_id|>"), 2502);
    assert_int_equal(sluice_bpe_find(by.bpe, "no such token"), -1);
    assert_true(sluice_bpe_is_special(by.bpe, 2502));
    assert_false(sluice_bpe_is_special(by.bpe, 5));
    assert_false(sluice_bpe_is_special(by.bpe, -1));
    assert_memory_equal(sluice_bpe_token(&bytes, by.bpe, 2502), "<|eot_id|>", 10);
    assert_int_equal(bytes, 10);
    assert_true(sluice_bpe_token(&bytes, by.bpe, 2504) == NULL);
    assert_int_equal(sluice_bpe_before(&count, by.bpe)[0], 2500);
    assert_int_equal(count, 1);
    assert_true(sluice_bpe_after(&count, by.bpe) == NULL);
    assert_int_equal(count, 0);
    const int32_t wrong[] = {7, 2504};
    assert_refused(sluice_bpe_decode(&back, &bytes, by.bpe, wrong, 2), SLUICE_E_ARGUMENT,
                   "the tokenizer has no token 2504, which is number 1 of 2; its vocabulary is "
                   "2504");
    assert_ok(sluice_bpe_decode(&back, &bytes, by.bpe, NULL, 0));
    assert_int_equal(bytes, 0);
    assert_int_equal(back[0], '\0');
    sluice_text_free(back);
    tokenizer_close(&by);
}

static void ends_are_those_of_the_template(void **state) {
    tokenizer by = tokenizer_open("added");
    int64_t count;
    (void)state;
    assert_int_equal(sluice_bpe_before(&count, by.bpe)[0], sluice_bpe_find(by.bpe, "[X]"));
    assert_int_equal(count, 1);
    assert_int_equal(sluice_bpe_after(&count, by.bpe)[0], sluice_bpe_find(by.bpe, "[XY]"));
    assert_int_equal(count, 1);
    tokenizer_close(&by);
}

/* ---- long words ---- */

static void long_words_take_linear_time(void **state) {
    enum { BYTES = 30000 };
    static const char *const units[] = {
        "a", "ab", " ",        "\n",      "the", "e\xCC\x81\xCC\xA7",
        "1", "(",  "\xC3\xA9", "<|eot_i", "'",   " \n"};
    static char bytes[8 * BYTES];
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        tokenizer by = tokenizer_open(tokenizer_kinds[kind]);
        for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
            char what[64];
            for (size_t at = 0; at < sizeof bytes; at++)
                bytes[at] = units[k][at % strlen(units[k])];
            (void)snprintf(what, sizeof what, "%s, a text of only '%s'", by.kind, units[k]);
            tokenizer_expect_linear(what, &by, bytes, BYTES);
        }
        tokenizer_close(&by);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_those_of_the_library),
        cmocka_unit_test(tokens_become_the_text),
        cmocka_unit_test(random_bytes_become_themselves),
        cmocka_unit_test(other_bytes_are_their_tokens),
        cmocka_unit_test(tokens_are_known),
        cmocka_unit_test(ends_are_those_of_the_template),
        cmocka_unit_test(long_words_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
