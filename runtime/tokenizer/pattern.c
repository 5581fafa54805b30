/* SPDX-License-Identifier: MIT */
/*
 * pattern.c -- the regular expressions of tokenizers, which are Oniguruma's (Ruby's syntax), as
 * PCRE2 takes them. Only what is known to mean the same is let through:
 *
 *   \s \S     Unicode's White_Space; PCRE2's own has U+180E, too
 *   $         before every newline and at the end; PCRE2's is before the last newline only
 *   (?i:...)  one letter for one letter; pairs that Unicode folds into one, like "ss", are refused
 *   {n,m}     neither {,m}, nor with ? or + behind it
 *   [...]     no class in a class, no &&
 */
#include "runtime/tokenizer/pattern.h"

#include <ctype.h>
#include <string.h>

#include "runtime/base/error.h"

#define REST    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define LETTERS "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"

const char sluice__gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const char sluice__llama3_pattern[] = LETTERS "|\\p{N}{1,3}" REST;
const char sluice__qwen2_pattern[]  = LETTERS "|\\p{N}" REST;

const char sluice__digit_pattern[]  = "\\p{N}";
const char sluice__digits_pattern[] = "\\p{N}+";

bool sluice__pattern_is_digits(const char *expression) {
    return strcmp(expression, sluice__digit_pattern) == 0 ||
           strcmp(expression, sluice__digits_pattern) == 0;
}

bool sluice__pattern_ends_words(const char *expression) {
    return strcmp(expression, sluice__gpt2_pattern) == 0 ||
           strcmp(expression, sluice__llama3_pattern) == 0 ||
           strcmp(expression, sluice__qwen2_pattern) == 0;
}

#define SPACES                                                                                     \
    "\\x{09}-\\x{0D}\\x{20}\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}"  \
    "\\x{205F}\\x{3000}"

typedef struct reader {
    const char *at;
    sluice__text *out;
    int folded; /* depth of parentheses in (?i: ...); 0: outside */
} reader;

/* `limit` bytes, or fewer where the expression ends, and as many more as a character takes. */
static sluice_status refuse(const char *part, size_t limit, const char *why) {
    size_t bytes = strnlen(part, limit);
    while ((part[bytes] & 0xC0) == 0x80) bytes++;
    const sluice_status status =
        sluice__fail(SLUICE_E_UNSUPPORTED, "'%.*s' in a regular expression is not supported: %s",
                     (int)bytes, part, why);
    return sluice__hint(status, "docs/tokenizers.md lists what expressions may have");
}

static sluice_status copy(reader *from, size_t bytes) {
    const char *const at = from->at;
    from->at += bytes;
    return sluice__text_add(from->out, "%.*s", (int)bytes, at);
}

/* ---- escapes ---- */

/* Categories and scripts: "p{L}", "P{Lu}", "p{Han}"; the same names in both. */
static sluice_status property(reader *from) {
    size_t bytes = 2;
    if (from->at[bytes] == '{') {
        bytes +=
            strspn(from->at + bytes + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_");
        if (from->at[bytes + 1] == '}') return copy(from, bytes + 2);
    }
    return refuse(from->at, 2, "it must be followed by a name in braces");
}

static sluice_status spaces(reader *from, bool is_in_class) {
    const bool is_not = from->at[1] == 'S';
    if (is_not && is_in_class) return refuse(from->at, 2, "not inside brackets");
    from->at += 2;
    return sluice__text_add(from->out, is_in_class ? "%s" SPACES "%s" : "[%s" SPACES "]%s",
                            is_not ? "^" : "", "");
}

static sluice_status escape(reader *from, bool is_in_class) {
    const char letter = from->at[1];
    if (letter == 's' || letter == 'S') return spaces(from, is_in_class);
    if (letter == 'p' || letter == 'P') return property(from);
    if (letter != '\0' && strchr("rntdD", letter)) return copy(from, 2);
    if (letter == 'z' && !is_in_class) return copy(from, 2);
    if (ispunct((unsigned char)letter)) return copy(from, 2);
    return refuse(from->at, letter == '\0' ? 1 : 2, "its meaning is not known to be the same");
}

/* ---- brackets ---- */

static sluice_status class_part(reader *from) {
    if (*from->at == '\\') return escape(from, true);
    if (*from->at == '[') return refuse(from->at, 1, "no brackets inside brackets");
    if (strncmp(from->at, "&&", 2) == 0) return refuse(from->at, 2, "not inside brackets");
    return copy(from, 1);
}

static sluice_status class(reader *from) {
    const char *const begin = from->at;
    SLUICE__TRY(copy(from, from->at[1] == '^' ? 2 : 1));
    if (*from->at == ']') return refuse(begin, 2, "an empty pair of brackets");
    while (*from->at != ']') {
        if (*from->at == '\0')
            return sluice__fail(SLUICE_E_PARSE, "a regular expression ends inside brackets");
        SLUICE__TRY(class_part(from));
    }
    return copy(from, 1);
}

/* ---- groups, repetition ---- */

static sluice_status group(reader *from) {
    static const char *const known[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"};
    size_t bytes                     = from->at[1] == '?' ? 0 : 1;
    if (from->at[1] == '*') return refuse(from->at, 2, "a verb");
    for (size_t k = 0; bytes == 0 && k < sizeof known / sizeof *known; k++)
        if (strncmp(from->at, known[k], strlen(known[k])) == 0) bytes = strlen(known[k]);
    if (bytes == 0) return refuse(from->at, 4, "this kind of group");
    if (from->folded > 0 || strncmp(from->at, "(?i", 3) == 0) from->folded++;
    return copy(from, bytes);
}

static sluice_status counts(reader *from) {
    const size_t low = strspn(from->at + 1, "0123456789");
    size_t bytes     = 1 + low;
    if (from->at[bytes] == ',') bytes += 1 + strspn(from->at + bytes + 1, "0123456789");
    if (low == 0 || from->at[bytes] != '}')
        return refuse(from->at, 6, "counts are {n}, {n,} or {n,m}");
    if (from->at[bytes + 1] == '?' || from->at[bytes + 1] == '+')
        return refuse(from->at, bytes + 2, "counts without ? or +");
    return copy(from, bytes + 1);
}

/* Inside (?i: ...): Unicode folds some pairs of letters into one, and PCRE2 does not. */
static sluice_status folded_letter(reader *from) {
    static const char *const pairs[] = {"ss", "st", "ff", "fi", "fl"};
    if ((unsigned char)*from->at >= 0x80)
        return refuse(from->at, 1, "letters beyond ASCII in (?i:...)");
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++)
        if (tolower((unsigned char)from->at[0]) == pairs[k][0] &&
            tolower((unsigned char)from->at[1]) == pairs[k][1])
            return refuse(from->at, 2, "one letter may stand for both in (?i:...)");
    return copy(from, 1);
}

static sluice_status part(reader *from) {
    switch (*from->at) {
    case '\\':
        return escape(from, false);
    case '[':
        return class(from);
    case '(':
        return group(from);
    case '{':
        return counts(from);
    case ')':
        if (from->folded > 0) from->folded--;
        return copy(from, 1);
    case '$':
        from->at++;
        return sluice__text_add(from->out, "(?=\\n|\\z)");
    case '^':
        return refuse(from->at, 1, "what matches must not depend on the text before it");
    default:
        return from->folded > 0 ? folded_letter(from) : copy(from, 1);
    }
}

sluice_status sluice__pattern_translate(sluice__text *out, const char *expression) {
    reader from = {expression, out, 0};
    if (strlen(expression) > SLUICE__MAX_PATTERN)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "a regular expression has %zu bytes; at most %d are supported",
                            strlen(expression), SLUICE__MAX_PATTERN);
    while (*from.at != '\0') SLUICE__TRY(part(&from));
    return SLUICE_OK;
}
