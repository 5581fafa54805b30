/* SPDX-License-Identifier: MIT */
/* alphabet.h -- the characters that stand for bytes in the vocabularies of byte-level tokenizers.
 */
#ifndef SLUICE_TOKENIZER_ALPHABET_H
#define SLUICE_TOKENIZER_ALPHABET_H

#include <stdbool.h>
#include <stddef.h>

/* The character of a byte, as UTF-8, NUL-terminated. */
void sluice__alphabet_print(char out[3], int byte);
/* The bytes that a text of such characters stands for, at most as many as the text has; false if
 * another character is in it. */
bool sluice__alphabet_read(char *out, size_t *bytes, const char *text, size_t count);

#endif
