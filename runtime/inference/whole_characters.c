/* SPDX-License-Identifier: MIT */
/* whole_characters.c -- bytes that come in pieces, as whole characters. */
#include <string.h>

#include "runtime/tokenizer/characters.h"
#include "sluice/generation.h"

static size_t replace(char *out, sluice_utf8 *state) {
    static const char replacement[3] = {'\xEF', '\xBF', '\xBD'}; /* U+FFFD */
    memcpy(out, replacement, sizeof replacement);
    state->count = 0;
    return sizeof replacement;
}

/* Hold the byte, or write the character that it ends; false: it does not go on with what is held.
 */
static bool take(char *out, size_t *used, sluice_utf8 *state, char byte) {
    const size_t count        = (size_t)state->count + 1;
    state->held[state->count] = byte;
    if (sluice__utf8_length(state->held, count) == count) {
        memcpy(out + *used, state->held, count);
        *used += count;
        state->count = 0;
        return true;
    }
    if (sluice__utf8_unfinished(state->held, count) != count) return false;
    state->count++;
    return true;
}

size_t sluice_utf8_add(char *out, sluice_utf8 *state, const char *bytes, size_t count) {
    size_t used = 0;
    for (size_t k = 0; k < count; k++) {
        if (take(out, &used, state, bytes[k])) continue;
        const bool was_held = state->count > 0;
        used += replace(out + used, state);
        if (was_held && !take(out, &used, state, bytes[k])) used += replace(out + used, state);
    }
    return used;
}

size_t sluice_utf8_end(char *out, sluice_utf8 *state) {
    return state->count > 0 ? replace(out, state) : 0;
}
