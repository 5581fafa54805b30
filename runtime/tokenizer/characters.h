/* SPDX-License-Identifier: MIT */
/* characters.h -- characters of UTF-8: where one ends, and its code point. */
#ifndef SLUICE_TOKENIZER_CHARACTERS_H
#define SLUICE_TOKENIZER_CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes of the character at the start of `text`, 1 to 4; 0: there is none, or it is not whole.
 */
size_t sluice__utf8_length(const char *text, size_t bytes);
/* How many of the first bytes are whole characters. */
size_t sluice__utf8_valid(const char *text, size_t bytes);
/* How many bytes at the end are the start of a character whose rest may follow: 0 to 3. */
size_t sluice__utf8_unfinished(const char *text, size_t bytes);
/* The code point of a whole character. */
int32_t sluice__utf8_code(const char *text);
/* Where the character before `at` begins; the text before `at` is whole characters, and not empty.
 */
size_t sluice__utf8_before(const char *text, size_t at);

/* As the `tokenizers` library sees it: Unicode's White_Space, and what words consist of. */
bool sluice__is_space(int32_t code);
bool sluice__is_word(int32_t code);

/* How many bytes of white space the text begins, and ends, with. */
size_t sluice__spaces_at_start(const char *text, size_t bytes);
size_t sluice__spaces_at_end(const char *text, size_t bytes);

#endif
