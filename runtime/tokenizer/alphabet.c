/* SPDX-License-Identifier: MIT */
/* alphabet.c -- the characters that stand for bytes in the vocabularies of byte-level tokenizers.
 */
#include "runtime/tokenizer/alphabet.h"

#include "runtime/tokenizer/characters.h"

/* Bytes that Latin-1 prints as a visible character stand for it. */
static bool is_visible(int byte) {
    return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
}

/* The others take the characters from 256 on, in their order. */
static int character_of(int byte) {
    int before = 0;
    if (is_visible(byte)) return byte;
    for (int other = 0; other < byte; other++) before += !is_visible(other);
    return 256 + before;
}

/* As UTF-8; all are below 0x800. */
void sluice__alphabet_print(char out[3], int byte) {
    const int character = character_of(byte);
    const int rest      = character < 0x80 ? 0 : 1;
    out[0]              = (char)(rest ? 0xC0 | character >> 6 : character);
    out[1]              = (char)(rest ? 0x80 | (character & 0x3F) : '\0');
    out[2]              = '\0';
}

/* -1: it stands for none. */
static int byte_of(int character) {
    enum { FIRST_VISIBLE = 33, AFTER_TILDE = 34, SOFT_HYPHEN = 0xAD };
    if (character < 256) return is_visible(character) ? character : -1;
    const int hidden = character - 256;
    if (hidden < FIRST_VISIBLE) return hidden;
    if (hidden < FIRST_VISIBLE + AFTER_TILDE) return 0x7F + hidden - FIRST_VISIBLE;
    return hidden == FIRST_VISIBLE + AFTER_TILDE ? SOFT_HYPHEN : -1;
}

bool sluice__alphabet_read(char *out, size_t *bytes, const char *text, size_t count) {
    *bytes = 0;
    for (size_t at = 0; at < count;) {
        const size_t length = sluice__utf8_length(text + at, count - at);
        const int byte      = length > 0 ? byte_of(sluice__utf8_code(text + at)) : -1;
        if (byte < 0) return false;
        out[(*bytes)++] = (char)byte;
        at += length;
    }
    return true;
}
