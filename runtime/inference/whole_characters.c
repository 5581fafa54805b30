/* SPDX-License-Identifier: MIT */
/* whole_characters.c -- bytes that come in pieces, as whole characters. */
#include <string.h>

#include "sluice/generation.h"

/* How a character that begins with `first` goes on: its bytes, and the range of the second one
 * (Unicode, table 3-7); 0: none begins so. */
static int length_of(unsigned char first, unsigned char *low, unsigned char *high) {
    *low = 0x80, *high = 0xBF;
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return 2;
    if (first == 0xE0) *low = 0xA0;
    if (first == 0xED) *high = 0x9F;
    if (first >= 0xE0 && first <= 0xEF) return 3;
    if (first == 0xF0) *low = 0x90;
    if (first == 0xF4) *high = 0x8F;
    return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

/* Whether `byte` may follow what is held. */
static bool goes_on(const sluice_utf8 *state, unsigned char byte) {
    unsigned char low, high;
    (void)length_of((unsigned char)state->held[0], &low, &high);
    if (state->count > 1) low = 0x80, high = 0xBF;
    return byte >= low && byte <= high;
}

static size_t replace(char *out, sluice_utf8 *state) {
    static const char replacement[3] = {'\xEF', '\xBF', '\xBD'}; /* U+FFFD */
    memcpy(out, replacement, sizeof replacement);
    state->count = 0;
    return sizeof replacement;
}

/* Hold the byte; if the character is whole then, or none begins so, it is written. */
static size_t hold(char *out, sluice_utf8 *state, unsigned char byte) {
    unsigned char low, high;
    state->held[state->count++] = (char)byte;
    const int length            = length_of((unsigned char)state->held[0], &low, &high);
    if (length == 0) return replace(out, state);
    if (state->count < length) return 0;
    for (int k = 0; k < length; k++) out[k] = state->held[k];
    state->count = 0;
    return (size_t)length;
}

size_t sluice_utf8_add(char *out, sluice_utf8 *state, const char *bytes, size_t count) {
    size_t used = 0;
    for (size_t k = 0; k < count; k++) {
        const unsigned char byte = (unsigned char)bytes[k];
        if (state->count > 0 && !goes_on(state, byte)) used += replace(out + used, state);
        used += hold(out + used, state, byte);
    }
    return used;
}

size_t sluice_utf8_end(char *out, sluice_utf8 *state) {
    return state->count > 0 ? replace(out, state) : 0;
}
