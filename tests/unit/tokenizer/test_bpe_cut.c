/* SPDX-License-Identifier: MIT */
/* test_bpe_cut.c -- a text that is encoded in pieces, cut where sluice_bpe_cut() says, has the
 * tokens that it has in one; and the cut is a long one. */

#include "tests/support/growth.h"
#include "tests/support/tokenizers.h"

/* More and more of the text is there, until a cut is. */
static sluice_ids encode_in_pieces(const tokenizer *by, const char *text, size_t bytes,
                                   uint64_t *seed) {
    sluice_ids ids = {0};
    for (size_t done = 0, there = 0; done < bytes;) {
        there += (size_t)test_random_int(seed, 1, 40);
        if (there > bytes) there = bytes;
        /* An exact copy, so that reading a byte too far is found. */
        char *const copy = malloc(there - done + 1);
        memcpy(copy, text + done, there - done);
        const size_t cut =
            there == bytes ? bytes - done : sluice_bpe_cut(by->bpe, copy, there - done);
        assert_true(cut <= there - done);
        assert_ok(sluice_bpe_encode(&ids, by->encoder, copy, cut));
        done += cut;
        free(copy);
    }
    return ids;
}

static void check_kind(const tokenizer *by, uint64_t *seed, int count, bool any) {
    char text[1200];
    for (int n = 0; n < count; n++) {
        char title[64];
        const size_t bytes = tokenizer_random_text(text, sizeof text, seed, 60, any);
        sluice_ids whole   = tokenizer_encode(by, text, bytes);
        sluice_ids pieces  = encode_in_pieces(by, text, bytes, seed);
        (void)snprintf(title, sizeof title, "random text %d in pieces", n);
        tokenizer_compare(&pieces, &whole, by->kind, title);
        sluice_ids_free(&whole);
        sluice_ids_free(&pieces);
    }
}

/* What is between two digits gets a space in front. */
static tokenizer open_spaced(void) {
    return tokenizer_open_changed("digits", "\"add_prefix_space\":false",
                                  "\"add_prefix_space\":true ");
}

/* It composes, and no token of it has a space: those hide where words end. */
static tokenizer open_composing(void) {
    return tokenizer_open_changed("qwen2", "caf\xC3\xA9 <x>", "caf\xC3\xA9_<x>");
}

static tokenizer open_known(int k) {
    return k < 2 ? tokenizer_open(tokenizer_kinds[k]) : open_composing();
}

static void pieces_have_the_tokens_of_the_whole(void **state) {
    uint64_t seed   = test_seed();
    const int count = getenv("SLUICE_LONG") ? 200000 : 2000;
    (void)state;
    for (int k = 0; k < TOKENIZER_KINDS; k++) {
        tokenizer by = tokenizer_open(tokenizer_kinds[k]);
        check_kind(&by, &seed, count, false);
        check_kind(&by, &seed, count / 4, true);
        tokenizer_close(&by);
    }
    tokenizer bytes = tokenizer_open_bytes(), spaced = open_spaced(), composing = open_composing();
    check_kind(&bytes, &seed, count / 4, true);
    check_kind(&spaced, &seed, count, false);
    check_kind(&composing, &seed, count, false);
    tokenizer_close(&bytes), tokenizer_close(&spaced), tokenizer_close(&composing);
}

static void expect_cut(const tokenizer *by, const char *text, size_t expected) {
    const size_t cut = sluice_bpe_cut(by->bpe, text, strlen(text));
    if (cut != expected)
        fail_msg("%s: '%s' is cut at %zu, expected %zu", by->kind, text, cut, expected);
}

static void cuts_are_as_late_as_can_be(void **state) {
    tokenizer gpt2 = tokenizer_open("gpt2"), llama3 = tokenizer_open("llama3");
    tokenizer qwen2 = tokenizer_open("qwen2"), added = tokenizer_open("added");
    tokenizer bytes = tokenizer_open_bytes(), spaced = open_spaced();
    (void)state;
    expect_cut(&gpt2, "", 0);
    expect_cut(&gpt2, "word", 0);
    expect_cut(&gpt2, "one two", 3);
    expect_cut(&gpt2, "one two  ", 7);
    expect_cut(&gpt2, "one\ntwo", 4);
    expect_cut(&gpt2, "one \ntwo", 4); /* " \n" by itself would be one word */
    expect_cut(&gpt2, "one<|endoftext|>", 16);
    expect_cut(&gpt2, "one<|endoftext|", 0);    /* a special token may follow */
    expect_cut(&gpt2, "one two<|endoftext", 3); /* or "<|" be a word of its own */
    expect_cut(&gpt2, "one two\xFF", 8);        /* bytes that are not UTF-8 */
    expect_cut(&gpt2, "one \xC3", 3);           /* half a character */
    expect_cut(&llama3, "12345", 3);
    expect_cut(&llama3, "a  \n\n  b", 6);
    expect_cut(&qwen2, "12345", 4); /* a mark may follow the last one */
    expect_cut(&qwen2, "one cafe", 3);
    expect_cut(&qwen2, "1e\xCC\x81 a", 4);
    expect_cut(&added, "one two", 3);
    expect_cut(&added, "one,two", 0);   /* what follows would get a space in front */
    expect_cut(&spaced, "one\ntwo", 0); /* no space is between them in the whole */
    expect_cut(&spaced, "one\ntwo six", 7);
    expect_cut(&spaced, "1one2three", 5); /* a digit is a piece of its own */
    expect_cut(&bytes, "anything", 8);
    tokenizer_close(&gpt2), tokenizer_close(&llama3), tokenizer_close(&qwen2);
    tokenizer_close(&added), tokenizer_close(&bytes), tokenizer_close(&spaced);
}

/* The white space that the first token takes is the beginning of the second one. */
static void tokens_in_white_space_stay_whole(void **state) {
    tokenizer by = tokenizer_open_changed("added", "<both>", "\\n\\nYY");
    (void)state;
    expect_cut(&by, "<sep>\n\nYY", 0); /* at 7 there would be no second one */
    expect_cut(&by, "<sep>\n\nYY.", 9);
    expect_cut(&by, "<sep>\n\n.", 7);
    tokenizer_close(&by);
}

/* ---- letters ---- */

static size_t print_letter(char *out, int32_t code) {
    const int rest = code < 0x800 ? 1 : 2;
    out[0]         = (char)((rest == 1 ? 0xC0 : 0xE0) | code >> 6 * rest);
    if (rest == 2) out[1] = (char)(0x80 | (code >> 6 & 0x3F));
    out[rest] = (char)(0x80 | (code & 0x3F));
    return (size_t)rest + 1;
}

static void check_behind(const tokenizer *by, int32_t code, const char *behind) {
    char text[16], title[48];
    const size_t letter = print_letter(text, code), bytes = letter + strlen(behind);
    (void)snprintf(text + letter, sizeof text - letter, "%s", behind);
    (void)snprintf(title, sizeof title, "U+%04X and '%s'", (unsigned)code, behind);
    const size_t cut  = sluice_bpe_cut(by->bpe, text, bytes);
    sluice_ids whole  = tokenizer_encode(by, text, bytes);
    sluice_ids pieces = tokenizer_encode(by, text, cut);
    assert_ok(sluice_bpe_encode(&pieces, by->encoder, text + cut, bytes - cut));
    tokenizer_compare(&pieces, &whole, by->kind, title);
    sluice_ids_free(&whole);
    sluice_ids_free(&pieces);
}

/* Whichever of them are letters to one library and not to another. */
static void all_characters_may_end_words(void **state) {
    static const char *const behind[] = {"\nz", " z", "\xE3\x80\x82z"};
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        tokenizer by = open_known(kind);
        for (int32_t code = 0x80; code < 0x10000; code += code < 0x3400 ? 1 : 29)
            for (int k = 0; k < 3 && (code < 0xD800 || code > 0xDFFF); k++)
                check_behind(&by, code, behind[k]);
        tokenizer_close(&by);
    }
}

/* ---- long texts ---- */

typedef struct long_text {
    const tokenizer *by;
    const char *bytes;
    size_t unit; /* bytes of what it repeats */
} long_text;

static void cut_often(const void *context, size_t bytes) {
    enum { CUTS = 40 };
    const long_text *const text = context;
    const size_t whole          = bytes / text->unit * text->unit;
    for (int k = 0; k < CUTS; k++)
        assert_true(sluice_bpe_cut(text->by->bpe, text->bytes, whole) > whole - 3 * text->unit);
}

/* One thread looks for the cut while others wait: it must not go through all of a long text. */
static void long_texts_are_cut_at_once(void **state) {
    static const char *const units[] = {
        "one, two; ",
        "\xD1\x81\xD0\xBB\xD0\xBE\xD0\xB2\xD0\xBE, \xD0\xB8 \xD0\xB5\xD1\x89\xD1\x91. ",
        "\xCE\xBB\xCF\x8C\xCE\xB3\xCE\xBF\xCF\x82 \xCE\xBA\xCE\xB1\xCE\xAF ",
        "\xD9\x85\xD9\x8E\xD8\xB1\xD9\x92 \xD8\xA8\xD9\x8B ",
        "\xE4\xB8\xAD\xE6\x96\x87\xEF\xBC\x8C\xE5\xAD\x97\xE3\x80\x82",
        "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E\n",
        "\xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4 ",
        "\xE0\xA4\xB9\xE0\xA4\xBF\xE0\xA4\xA8\xE0\xA5\x8D "};
    static char text[1 << 20];
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        tokenizer by = open_known(kind);
        for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
            const size_t length = strlen(units[k]);
            char what[64];
            for (size_t at = 0; at < sizeof text; at++) text[at] = units[k][at % length];
            (void)snprintf(what, sizeof what, "%s, cuts of '%s'", by.kind, units[k]);
            expect_growth(what, cut_often, &(long_text){&by, text, length}, sizeof text / 8, 4);
        }
        tokenizer_close(&by);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_have_the_tokens_of_the_whole),
        cmocka_unit_test(cuts_are_as_late_as_can_be),
        cmocka_unit_test(tokens_in_white_space_stay_whole),
        cmocka_unit_test(all_characters_may_end_words),
        cmocka_unit_test(long_texts_are_cut_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
