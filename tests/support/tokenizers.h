/* SPDX-License-Identifier: MIT */
/* tokenizers.h -- the small tokenizers of tests/unit/tokenizer, and hard texts for them. */
#ifndef SLUICE_TESTS_TOKENIZERS_H
#define SLUICE_TESTS_TOKENIZERS_H

#include "sluice/tokenizer.h"
#include "tests/support/support.h"

/* One of the folders there: "gpt2", "llama3", "qwen2", "added", "sequence", "digits",
 * "missing", "unknown", "vocab_json". */
extern const char *const tokenizer_kinds[];
enum { TOKENIZER_KINDS = 9 };

typedef struct tokenizer {
    const char *kind;
    sluice_bpe *bpe;
    sluice_bpe_encoder *encoder;
} tokenizer;
tokenizer tokenizer_open(const char *kind);
tokenizer tokenizer_open_bytes(void); /* of 256 tokens */
/* With a part of its tokenizer.json replaced by another of the same length. */
tokenizer tokenizer_open_changed(const char *kind, const char *from, const char *to);
void tokenizer_close(tokenizer *opened);

/* The ids of a text; release with sluice_ids_free(). */
sluice_ids tokenizer_encode(const tokenizer *by, const char *text, size_t bytes);
/* Fails, with `what` in the sentence, unless encoding and cutting the text, of 8 * `size` bytes,
 * takes linear time (growth.h). */
void tokenizer_expect_linear(const char *what, const tokenizer *by, const char *text, size_t size);
/* Fails with the first difference, in a text that is named. */
void tokenizer_compare(const sluice_ids *got, const sluice_ids *expected, const char *kind,
                       const char *text);

/* Up to `parts` pieces of what tokenizers get wrong, bytes that are not UTF-8 among them if
 * `any`. Returns how many bytes it has, at most `space`. */
size_t tokenizer_random_text(char *out, size_t space, uint64_t *state, int parts, bool any);

#endif
