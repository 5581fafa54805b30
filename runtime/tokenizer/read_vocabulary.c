/* SPDX-License-Identifier: MIT */
/* read_vocabulary.c -- the tokens of a byte-level vocabulary, and which two merge into which. */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/tokenizer/alphabet.h"
#include "runtime/tokenizer/read_bpe.h"

/* ---- tokens ---- */

/* Scratch memory for the bytes of a text. Starts as {0}. */
typedef struct plain {
    char *bytes;
    size_t space;
} plain;

/* Its bytes, or its text as it is where that is in no alphabet of bytes: no word becomes it. */
static sluice_status add_token(sluice__tokens *to, plain *scratch, const char *text,
                               const json_t *id, const char *where) {
    const size_t count = strlen(text);
    size_t bytes       = 0;
    if (!json_is_integer(id))
        return sluice__fail(SLUICE_E_PARSE, "%s: the id of token '%.60s' is not a whole number",
                            where, text);
    SLUICE__TRY(sluice__reserve(&scratch->bytes, &scratch->space, count + 1, 1));
    if (sluice__alphabet_read(scratch->bytes, &bytes, text, count))
        return sluice__tokens_add(to, json_integer_value(id), scratch->bytes, bytes, true);
    return sluice__tokens_add(to, json_integer_value(id), text, count, false);
}

static sluice_status find_bytes(sluice_bpe *in, const json_t *vocabulary, const char *where) {
    int found = 0;
    for (int byte = 0; byte < 256; byte++) {
        char character[3];
        sluice__alphabet_print(character, byte);
        const json_t *const id = json_object_get(vocabulary, character);
        in->of_byte[byte]      = id ? (int32_t)json_integer_value(id) : -1;
        found += id != NULL;
    }
    if (found > 0) return SLUICE_OK;
    return sluice__fail(SLUICE_E_UNSUPPORTED,
                        "%s has a token for none of the 256 bytes: only BPE on bytes is supported",
                        where);
}

sluice_status sluice__read_tokens(sluice_bpe *to, json_t *vocabulary, const char *where) {
    sluice_status status = SLUICE_OK;
    plain scratch        = {0};
    const char *text;
    json_t *id;
    if (!json_is_object(vocabulary))
        return sluice__fail(SLUICE_E_PARSE, "%s has no object of tokens", where);
    json_object_foreach(vocabulary, text, id) {
        status = add_token(&to->tokens, &scratch, text, id, where);
        if (status != SLUICE_OK) break;
    }
    sluice__free(scratch.bytes);
    return status == SLUICE_OK ? find_bytes(to, vocabulary, where) : status;
}

/* ---- merges ---- */

/* Two texts and what they become, NUL-terminated, in one block. */
typedef struct halves {
    char *left, *right, *both;
    size_t space;
} halves;

static sluice_status set_halves(halves *to, const char *left, size_t left_bytes, const char *right,
                                size_t right_bytes) {
    const size_t both = left_bytes + right_bytes;
    SLUICE__TRY(sluice__reserve(&to->left, &to->space, 2 * both + 3, 1));
    to->right = to->left + left_bytes + 1;
    to->both  = to->right + right_bytes + 1;
    memcpy(to->left, left, left_bytes);
    memcpy(to->right, right, right_bytes);
    memcpy(to->both, left, left_bytes);
    memcpy(to->both + left_bytes, right, right_bytes);
    to->left[left_bytes] = to->right[right_bytes] = to->both[both] = '\0';
    return SLUICE_OK;
}

static sluice_status find(int32_t *out, const json_t *vocabulary, const char *text, size_t order,
                          const char *where) {
    const json_t *const id = json_object_get(vocabulary, text);
    if (!id)
        return sluice__fail(SLUICE_E_PARSE, "%s: merge %zu needs token '%.60s', which is not there",
                            where, order, text);
    *out = (int32_t)json_integer_value(id);
    return SLUICE_OK;
}

static sluice_status add_merge(sluice_bpe *to, const json_t *vocabulary, const halves *pair,
                               size_t order, const char *where) {
    int32_t left = 0, right = 0, both = 0;
    SLUICE__TRY(find(&left, vocabulary, pair->left, order, where));
    SLUICE__TRY(find(&right, vocabulary, pair->right, order, where));
    SLUICE__TRY(find(&both, vocabulary, pair->both, order, where));
    sluice__merges_set(&to->merges, left, right, (uint32_t)order, both);
    return SLUICE_OK;
}

/* "a b", with one space. */
static sluice_status split_line(halves *to, const char *line, size_t bytes, size_t order,
                                const char *where) {
    const char *const space = memchr(line, ' ', bytes);
    const size_t left       = space ? (size_t)(space - line) : bytes;
    if (!space || memchr(space + 1, ' ', bytes - left - 1) || memchr(line, '\0', bytes))
        return sluice__fail(SLUICE_E_PARSE,
                            "%s: merge %zu, '%.*s', is not two tokens with a space between them",
                            where, order, (int)(bytes < 60 ? bytes : 60), line);
    return set_halves(to, line, left, space + 1, bytes - left - 1);
}

static sluice_status read_merge(halves *to, const json_t *merge, size_t order, const char *where) {
    const char *const left  = json_string_value(json_array_get(merge, 0));
    const char *const right = json_string_value(json_array_get(merge, 1));
    if (json_is_string(merge))
        return split_line(to, json_string_value(merge), json_string_length(merge), order, where);
    if (json_array_size(merge) == 2 && left && right)
        return set_halves(to, left, strlen(left), right, strlen(right));
    return sluice__fail(SLUICE_E_PARSE, "%s: merge %zu is neither \"a b\" nor [\"a\", \"b\"]",
                        where, order);
}

static bool is_comment(const char *line, size_t bytes) {
    return bytes >= strlen("#version") && strncmp(line, "#version", strlen("#version")) == 0;
}

static sluice_status read_list(sluice_bpe *to, halves *pair, const json_t *vocabulary,
                               const json_t *merges, const char *where) {
    size_t index, order = 0;
    json_t *merge;
    json_array_foreach(merges, index, merge) {
        const char *const text = json_string_value(merge);
        if (text && is_comment(text, strlen(text))) continue;
        SLUICE__TRY(read_merge(pair, merge, ++order, where));
        SLUICE__TRY(add_merge(to, vocabulary, pair, order, where));
    }
    return SLUICE_OK;
}

sluice_status sluice__read_merges(sluice_bpe *to, const json_t *vocabulary, const json_t *merges,
                                  const char *where) {
    halves pair = {0};
    if (!json_is_array(merges))
        return sluice__fail(SLUICE_E_PARSE, "%s has no list of \"merges\"", where);
    SLUICE__TRY(sluice__merges_make(&to->merges, json_array_size(merges)));
    const sluice_status status = read_list(to, &pair, vocabulary, merges, where);
    sluice__free(pair.left);
    return status;
}

/* ---- merges.txt ---- */

static size_t line_length(const char *at, const char *end) {
    const char *const newline = memchr(at, '\n', (size_t)(end - at));
    return (size_t)((newline ? newline : end) - at);
}

static sluice_status read_lines(sluice_bpe *to, halves *pair, const json_t *vocabulary,
                                const sluice__tokenizer_file *file) {
    const char *const end = file->bytes + file->count;
    size_t order          = 0;
    for (const char *at = file->bytes; at < end;) {
        const size_t whole = line_length(at, end);
        const size_t bytes = whole > 0 && at[whole - 1] == '\r' ? whole - 1 : whole;
        const char *line   = at;
        at += whole + (at + whole < end);
        if (bytes == 0 || is_comment(line, bytes)) continue;
        SLUICE__TRY(split_line(pair, line, bytes, ++order, file->name));
        SLUICE__TRY(add_merge(to, vocabulary, pair, order, file->name));
    }
    return SLUICE_OK;
}

sluice_status sluice__read_merge_lines(sluice_bpe *to, const json_t *vocabulary,
                                       const sluice__tokenizer_file *file) {
    halves pair  = {0};
    size_t lines = 1;
    for (size_t k = 0; k < file->count; k++) lines += file->bytes[k] == '\n';
    SLUICE__TRY(sluice__merges_make(&to->merges, lines));
    const sluice_status status = read_lines(to, &pair, vocabulary, file);
    sluice__free(pair.left);
    return status;
}
