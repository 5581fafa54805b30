/* SPDX-License-Identifier: MIT */
/* characters.c -- characters of UTF-8: where one ends, its code point, and what kind it is. */
#include "runtime/tokenizer/characters.h"

#include <string.h>
#include <utf8proc.h>

static bool is_rest(unsigned char byte) {
    return (byte & 0xC0) == 0x80;
}

/* How many bytes a character has that begins with `lead`, and which its second byte may be. */
static size_t length_of(unsigned char lead, unsigned char *low, unsigned char *high) {
    *low = 0x80, *high = 0xBF;
    if (lead < 0xC2) return 0;
    if (lead < 0xE0) return 2;
    if (lead == 0xE0) *low = 0xA0;  /* overlong */
    if (lead == 0xED) *high = 0x9F; /* surrogates */
    if (lead < 0xF0) return 3;
    if (lead == 0xF0) *low = 0x90;
    if (lead == 0xF4) *high = 0x8F; /* above U+10FFFF */
    return lead < 0xF5 ? 4 : 0;
}

/* The same, of which the first `have` bytes that are there are right; 0 if they are not. */
static size_t whole_length(const unsigned char *text, size_t bytes) {
    unsigned char low, high;
    if (text[0] < 0x80) return 1;
    const size_t length = length_of(text[0], &low, &high);
    if (length > 0 && bytes > 1 && (text[1] < low || text[1] > high)) return 0;
    for (size_t k = 2; k < length && k < bytes; k++)
        if (!is_rest(text[k])) return 0;
    return length;
}

size_t sluice__utf8_length(const char *text, size_t bytes) {
    if (bytes == 0) return 0;
    const size_t length = whole_length((const unsigned char *)text, bytes);
    return length <= bytes ? length : 0;
}

size_t sluice__utf8_valid(const char *text, size_t bytes) {
    size_t at = 0;
    for (;;) {
        uint64_t eight;
        while (bytes - at >= sizeof eight) {
            memcpy(&eight, text + at, sizeof eight);
            if (eight & UINT64_C(0x8080808080808080)) break;
            at += sizeof eight;
        }
        const size_t length = sluice__utf8_length(text + at, bytes - at);
        if (length == 0) return at;
        at += length;
    }
}

size_t sluice__utf8_unfinished(const char *text, size_t bytes) {
    for (size_t back = 1; back <= 3 && back <= bytes; back++) {
        const unsigned char *const at = (const unsigned char *)text + bytes - back;
        if (!is_rest(*at)) return whole_length(at, back) > back ? back : 0;
    }
    return 0;
}

int32_t sluice__utf8_code(const char *text) {
    const unsigned char *const at = (const unsigned char *)text;
    if (at[0] < 0x80) return at[0];
    if (at[0] < 0xE0) return (at[0] & 0x1F) << 6 | (at[1] & 0x3F);
    if (at[0] < 0xF0) return (at[0] & 0x0F) << 12 | (at[1] & 0x3F) << 6 | (at[2] & 0x3F);
    return (at[0] & 0x07) << 18 | (at[1] & 0x3F) << 12 | (at[2] & 0x3F) << 6 | (at[3] & 0x3F);
}

size_t sluice__utf8_before(const char *text, size_t at) {
    do at--;
    while (is_rest((unsigned char)text[at]));
    return at;
}

/* ---- kinds ---- */

bool sluice__is_space(int32_t code) {
    if (code < 0x80) return code == ' ' || (code >= '\t' && code <= '\r');
    return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
           code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

/* Symbols that Unicode calls alphabetic nevertheless: letters in circles and squares. */
static bool is_lettered(int32_t code) {
    return (code >= 0x24B6 && code <= 0x24E9) || (code >= 0x1F130 && code <= 0x1F149) ||
           (code >= 0x1F150 && code <= 0x1F169) || (code >= 0x1F170 && code <= 0x1F189);
}

bool sluice__is_word(int32_t code) {
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default: /* and the joiners between letters */
        return code == 0x200C || code == 0x200D || is_lettered(code);
    }
}

size_t sluice__spaces_at_start(const char *text, size_t bytes) {
    size_t at = 0;
    while (at < bytes && sluice__is_space(sluice__utf8_code(text + at)))
        at += sluice__utf8_length(text + at, bytes - at);
    return at;
}

size_t sluice__spaces_at_end(const char *text, size_t bytes) {
    size_t at = bytes;
    while (at > 0) {
        const size_t before = sluice__utf8_before(text, at);
        if (!sluice__is_space(sluice__utf8_code(text + before))) break;
        at = before;
    }
    return bytes - at;
}
