/* SPDX-License-Identifier: MIT */
/* test_bpe_cut.c -- a text that is encoded in pieces, cut where sluice_bpe_cut() says, has the
 * tokens that it has in one; and the cut is a long one. */
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
    tokenizer bytes = tokenizer_open_bytes();
    check_kind(&bytes, &seed, count / 4, true);
    tokenizer_close(&bytes);
}

static void expect_cut(const tokenizer *by, const char *text, size_t expected) {
    const size_t cut = sluice_bpe_cut(by->bpe, text, strlen(text));
    if (cut != expected)
        fail_msg("%s: '%s' is cut at %zu, expected %zu", by->kind, text, cut, expected);
}

static void cuts_are_as_late_as_can_be(void **state) {
    tokenizer gpt2 = tokenizer_open("gpt2"), llama3 = tokenizer_open("llama3");
    tokenizer qwen2 = tokenizer_open("qwen2"), added = tokenizer_open("added");
    tokenizer bytes = tokenizer_open_bytes();
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
    expect_cut(&added, "one,two", 0); /* what follows would get a space in front */
    expect_cut(&bytes, "anything", 8);
    tokenizer_close(&gpt2), tokenizer_close(&llama3), tokenizer_close(&qwen2);
    tokenizer_close(&added), tokenizer_close(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_have_the_tokens_of_the_whole),
        cmocka_unit_test(cuts_are_as_late_as_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
