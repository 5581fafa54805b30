/* SPDX-License-Identifier: MIT */
/* tokenizers.c -- the small tokenizers of tests/unit/tokenizer, and hard texts for them. */
#include "tests/support/tokenizers.h"

#include "runtime/tokenizer/tokenizer_files.h"
#include "tests/support/growth.h"
#include "tests/support/support.h"

const char *const tokenizer_kinds[] = {"gpt2",   "llama3",  "qwen2",   "added",     "sequence",
                                       "digits", "missing", "unknown", "vocab_json"};

static tokenizer open_files(const char *kind, sluice_tokenizer *files) {
    tokenizer made = {.kind = kind};
    assert_ok(sluice_bpe_make(&made.bpe, files));
    assert_ok(sluice_bpe_encoder_make(&made.encoder, made.bpe));
    sluice_tokenizer_free(files);
    return made;
}

static sluice_tokenizer *read_files(const char *kind) {
    sluice_tokenizer *files = NULL;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/tests/unit/tokenizer/%s", SLUICE_SOURCE, kind);
    assert_ok(sluice_tokenizer_read(&files, path));
    return files;
}

tokenizer tokenizer_open(const char *kind) {
    return open_files(kind, read_files(kind));
}

tokenizer tokenizer_open_changed(const char *kind, const char *from, const char *to) {
    sluice_tokenizer *const files = read_files(kind);
    char *const at = strstr(sluice__tokenizer_file_of(files, "tokenizer.json")->bytes, from);
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    return open_files(kind, files);
}

tokenizer tokenizer_open_bytes(void) {
    sluice_tokenizer *files = NULL;
    assert_ok(sluice_tokenizer_of_bytes(&files, 8));
    return open_files("bytes", files);
}

void tokenizer_close(tokenizer *opened) {
    sluice_bpe_encoder_free(opened->encoder);
    sluice_bpe_free(opened->bpe);
}

sluice_ids tokenizer_encode(const tokenizer *by, const char *text, size_t bytes) {
    sluice_ids ids = {0};
    assert_ok(sluice_bpe_encode(&ids, by->encoder, text, bytes));
    return ids;
}

typedef struct long_text {
    const tokenizer *by;
    const char *bytes;
} long_text;

static void encode_and_cut(const void *context, size_t bytes) {
    const long_text *const text = context;
    sluice_ids ids              = tokenizer_encode(text->by, text->bytes, bytes);
    (void)sluice_bpe_cut(text->by->bpe, text->bytes, bytes);
    assert_true(ids.count > 0);
    sluice_ids_free(&ids);
}

void tokenizer_expect_linear(const char *what, const tokenizer *by, const char *text, size_t size) {
    expect_growth(what, encode_and_cut, &(long_text){by, text}, size, 24);
}

void tokenizer_compare(const sluice_ids *got, const sluice_ids *expected, const char *kind,
                       const char *text) {
    for (int64_t k = 0; k < got->count && k < expected->count; k++)
        if (got->list[k] != expected->list[k])
            fail_msg("%s, %s: id %lld is %d, expected %d", kind, text, (long long)k, got->list[k],
                     expected->list[k]);
    if (got->count != expected->count)
        fail_msg("%s, %s: %lld ids, expected %lld", kind, text, (long long)got->count,
                 (long long)expected->count);
}

/* ---- random texts ---- */

static const char *const parts[] = {" ",
                                    "  ",
                                    "\n",
                                    "\r\n",
                                    "\t",
                                    "\n\n\n",
                                    "a",
                                    "e",
                                    "word",
                                    "ord",
                                    "ing ",
                                    "The",
                                    "HELLO",
                                    "'s",
                                    "'LL",
                                    "'",
                                    "1",
                                    "2024",
                                    ".",
                                    "...",
                                    "(",
                                    "=",
                                    "_",
                                    "<",
                                    "<|",
                                    "\xC3\xA9",
                                    "e\xCC\x81",
                                    "\xCC\x81",
                                    "\xCC\xA7",
                                    "\xE2\x80\x8D",
                                    "\xC2\xA0",
                                    "\xE3\x80\x80",
                                    "\xE3\x80\x81",
                                    "\xE3\x80\x82\n",
                                    "\xEF\xBC\x8C",
                                    "\xE3\x81\x8B\xE3\x82\x99",
                                    "\xEA\xB0\x80",
                                    "\xD0\xB9",
                                    "\xD0\xB8\xCC\x86 ",
                                    "\xE0\xA5\x98\n",
                                    "\xEF\xAC\xAE\n",
                                    "\xF0\x9F\x98\x80",
                                    "\xE4\xB8\xAD\xE6\x96\x87",
                                    "\xE3\x81\x82",
                                    "\xE1\x84\x80\xE1\x85\xA1",
                                    "\xE1\x86\xA8",
                                    "\xD9\x85\xD9\x8E",
                                    "\xC5\xBF",
                                    "\xE2\x84\xAB",
                                    "<|endoftext|>",
                                    "<|eot_id|>",
                                    "<mask>",
                                    "<sep>",
                                    "<both>",
                                    "[X]",
                                    "[XY]",
                                    "<tool>",
                                    "\nThe",
                                    "\nLine",
                                    "caf\xC3\xA9 <x>",
                                    "\xC3\xA9t\xC3\xA9",
                                    "\xE1\xA0\x8E",
                                    "",
                                    "\x7F"};
static const char *const wrong[] = {"\xFF",         "\xC3",         "\x80",     "\xE2\x80",
                                    "\xED\xA0\x80", "\xF0\x9F\x98", "\xC0\xAF", "\xF4\x90\x80\x80"};

size_t tokenizer_random_text(char *out, size_t space, uint64_t *state, int count, bool any) {
    enum { PARTS = sizeof parts / sizeof *parts, WRONG = sizeof wrong / sizeof *wrong };
    size_t bytes = 0;
    for (int k = test_random_int(state, 1, count); k > 0; k--) {
        const bool is_wrong    = any && test_random_int(state, 0, 19) == 0;
        const char *const part = is_wrong ? wrong[test_random_int(state, 0, WRONG - 1)]
                                          : parts[test_random_int(state, 0, PARTS - 1)];
        const size_t length    = strlen(part) > 0 ? strlen(part) : 1; /* "" is a NUL */
        if (bytes + length > space) break;
        memcpy(out + bytes, part, length);
        bytes += length;
    }
    return bytes;
}
