/* SPDX-License-Identifier: MIT */
/* test_bpe_parts.c -- parts of a tokenizer against the plainest programs for the same: merges of
 * short and long words, UTF-8, the alphabet of bytes, NFC. */
#include "runtime/tokenizer/alphabet.h"
#include "runtime/tokenizer/characters.h"
#include "runtime/tokenizer/composed.h"
#include "runtime/tokenizer/word_merges.h"
#include "tests/support/support.h"

/* ---- merges ---- */

enum { LETTERS = 4, MAX_RULES = 40, MAX_WORD = 300 };

typedef struct rule {
    int32_t left, right, becomes;
} rule;

typedef struct rules {
    rule list[MAX_RULES];
    int count;
} rules;

/* Some pairs of what there is become something new. */
static rules random_rules(uint64_t *seed) {
    rules made = {.count = test_random_int(seed, 0, MAX_RULES)};
    for (int k = 0; k < made.count; k++)
        made.list[k] = (rule){test_random_int(seed, 0, LETTERS + k - 1),
                              test_random_int(seed, 0, LETTERS + k - 1), LETTERS + k};
    for (int k = made.count - 1; k > 0; k--) { /* in any order of precedence */
        const int other  = test_random_int(seed, 0, k);
        const rule moved = made.list[k];
        made.list[k]     = made.list[other];
        made.list[other] = moved;
    }
    return made;
}

static int rule_of(const rules *in, int32_t left, int32_t right) {
    for (int k = in->count - 1; k >= 0; k--) /* of two for one pair the last one counts */
        if (in->list[k].left == left && in->list[k].right == right) return k;
    return MAX_RULES;
}

/* One merge after another: the first rule, at the leftmost pair. */
static size_t merge_plainly(int32_t *ids, size_t count, const rules *by) {
    for (;;) {
        int best  = MAX_RULES;
        size_t at = 0;
        for (size_t k = 0; k + 1 < count; k++) {
            const int found = rule_of(by, ids[k], ids[k + 1]);
            if (found < best) best = found, at = k;
        }
        if (best == MAX_RULES) return count;
        ids[at] = by->list[best].becomes;
        memmove(&ids[at + 1], &ids[at + 2], (count - at - 2) * sizeof *ids);
        count--;
    }
}

static void words_are_merged_as_by_hand(void **state) {
    sluice__word_scratch scratch = {0};
    uint64_t seed                = test_seed();
    (void)state;
    for (int n = 0; n < 6000; n++) {
        const rules by        = random_rules(&seed);
        sluice__merges merges = {0};
        int32_t got[MAX_WORD], expected[MAX_WORD];
        size_t count = (size_t)test_random_int(&seed, 1, n % 3 == 0 ? MAX_WORD : 48);
        assert_ok(sluice__merges_make(&merges, (size_t)by.count));
        for (int k = 0; k < by.count; k++)
            sluice__merges_set(&merges, by.list[k].left, by.list[k].right, (uint32_t)k + 1,
                               by.list[k].becomes);
        for (size_t k = 0; k < count; k++)
            got[k] = expected[k] = test_random_int(&seed, 0, LETTERS - 1);
        const size_t left = merge_plainly(expected, count, &by);
        assert_ok(sluice__word_merge(got, &count, &merges, &scratch));
        assert_int_equal(count, left);
        assert_memory_equal(got, expected, left * sizeof *got);
        sluice__merges_free(&merges);
    }
    sluice__word_scratch_free(&scratch);
}

/* ---- characters ---- */

static size_t print_code(char out[4], int32_t code) {
    const int rest    = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    const int marks[] = {0, 0xC0, 0xE0, 0xF0};
    out[0]            = (char)(marks[rest] | code >> 6 * rest);
    for (int k = 1; k <= rest; k++) out[k] = (char)(0x80 | (code >> 6 * (rest - k) & 0x3F));
    return (size_t)rest + 1;
}

static void all_characters_are_read(void **state) {
    (void)state;
    for (int32_t code = 0; code < 0x120000; code += code < 0x20000 ? 1 : 17) {
        char text[4];
        const size_t bytes = print_code(text, code);
        const bool is_one  = code < 0x110000 && (code < 0xD800 || code > 0xDFFF);
        assert_int_equal(sluice__utf8_length(text, bytes), is_one ? bytes : 0);
        if (!is_one) continue;
        assert_int_equal(sluice__utf8_code(text), code);
        assert_int_equal(sluice__utf8_before(text, bytes), 0);
        for (size_t less = 1; less < bytes; less++) {
            assert_int_equal(sluice__utf8_length(text, less), 0);
            assert_int_equal(sluice__utf8_unfinished(text, less), less);
        }
        assert_int_equal(sluice__utf8_unfinished(text, bytes), 0);
    }
    assert_int_equal(sluice__utf8_length("\xC0\x80", 2), 0);
    assert_int_equal(sluice__utf8_length("\xE0\x80\x80", 3), 0);
    assert_int_equal(sluice__utf8_length("\xF0\x80\x80\x80", 4), 0);
    assert_int_equal(sluice__utf8_unfinished("\xE0\x80", 2), 0); /* no character begins so */
    assert_int_equal(sluice__utf8_valid("twelve bytes\x80", 13), 12);
}

static void the_alphabet_is_read_as_it_is_printed(void **state) {
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char character[3], again[3];
        size_t bytes = 0;
        sluice__alphabet_print(character, byte);
        assert_true(sluice__alphabet_read(again, &bytes, character, strlen(character)));
        assert_int_equal(bytes, 1);
        assert_int_equal((unsigned char)again[0], byte);
    }
    char out[8];
    size_t bytes = 0;
    assert_false(sluice__alphabet_read(out, &bytes, "a b", 3));
    assert_false(sluice__alphabet_read(out, &bytes, "\xC5\x84", 2)); /* the one after the last */
    assert_false(sluice__alphabet_read(out, &bytes, "\xC2\xAD", 2)); /* the soft hyphen */
}

/* ---- NFC ---- */

typedef struct composing {
    const char *from, *to;
} composing;

static void texts_are_composed(void **state) {
    static const composing cases[] = {
        {"plain", "plain"},
        {"e\xCC\x81", "\xC3\xA9"},
        {"xe\xCC\x81y", "x\xC3\xA9y"},
        {"\xCC\x81", "\xCC\x81"},
        {"q\xCC\x87\xCC\xA3", "q\xCC\xA3\xCC\x87"},               /* marks in their order */
        {"a\xCC\xA7\xCC\x81", "\xC3\xA1\xCC\xA7"},                /* over a mark of another class */
        {"a\xCC\x81\xCC\x81", "\xC3\xA1\xCC\x81"},                /* not over one of the same */
        {"\xE2\x84\xAB", "\xC3\x85"},                             /* the sign of Angstrom */
        {"\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8", "\xEA\xB0\x81"}, /* Hangul */
        {"\xEA\xB0\x80\xE1\x86\xA8", "\xEA\xB0\x81"},
        {"\xE0\xA5\x98", "\xE0\xA4\x95\xE0\xA4\xBC"}, /* one that stays apart */
        {"\xE0\xA7\x87\xE0\xA6\xBE", "\xE0\xA7\x8B"}, /* two that are no marks */
    };
    sluice__composer composer = {0};
    sluice__composed composed = {0};
    (void)state;
    assert_ok(sluice__composer_make(&composer));
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_ok(sluice__compose(&composed, &composer, cases[k].from, strlen(cases[k].from)));
        assert_int_equal(composed.bytes, strlen(cases[k].to));
        assert_memory_equal(composed.text, cases[k].to, composed.bytes);
    }
    assert_true(sluice__is_composed(&composer, "na\xC3\xAFve \xE4\xB8\xAD", 10));
    assert_false(sluice__is_composed(&composer, "e\xCC\x81", 3));
    sluice__composed_free(&composed);
    sluice__composer_free(&composer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_merged_as_by_hand),
        cmocka_unit_test(all_characters_are_read),
        cmocka_unit_test(the_alphabet_is_read_as_it_is_printed),
        cmocka_unit_test(texts_are_composed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
