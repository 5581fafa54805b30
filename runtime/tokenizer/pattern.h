/* SPDX-License-Identifier: MIT */
/* pattern.h -- the regular expressions of tokenizers, which are Oniguruma's, as PCRE2 takes them.
 */
#ifndef SLUICE_TOKENIZER_PATTERN_H
#define SLUICE_TOKENIZER_PATTERN_H

#include <stdbool.h>

#include "runtime/base/text.h"

enum { SLUICE__MAX_PATTERN = 4096 };

/* Append to `out` the expression for PCRE2 that matches the same texts. What is not known to mean
 * the same to both is E_UNSUPPORTED, with the part of the expression. E_PARSE, E_HOST_MEMORY. */
sluice_status sluice__pattern_translate(sluice__text *out, const char *expression);

/* The expressions of GPT-2, Llama 3 and Qwen 2. */
extern const char sluice__gpt2_pattern[], sluice__llama3_pattern[], sluice__qwen2_pattern[];
/* Those of the pre-tokenizer Digits: one by one, and all that follow each other. */
extern const char sluice__digit_pattern[], sluice__digits_pattern[];
/* Whether it is one of the three models': no word has a letter and a space behind it. */
bool sluice__pattern_ends_words(const char *expression);
/* Whether it is one of Digits: it matches neither letters nor spaces. */
bool sluice__pattern_is_digits(const char *expression);

#endif
