/* SPDX-License-Identifier: MIT */
/* added_tokens.c -- tokens that are found in a text before it is cut into words. */
#include "runtime/tokenizer/added_tokens.h"

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/tokenizer/characters.h"

struct sluice__added_node {
    uint32_t first, next; /* child and sibling; 0: none */
    int32_t token;        /* index in the list; -1: none ends here */
    unsigned char byte;
};

/* ---- the tree ---- */

static uint32_t child_of(const sluice__added *in, uint32_t node, unsigned char byte) {
    uint32_t child = in->nodes[node].first;
    while (child != 0 && in->nodes[child].byte != byte) child = in->nodes[child].next;
    return child;
}

static sluice_status add_node(uint32_t *out, sluice__added *to, unsigned char byte) {
    SLUICE__TRY(
        sluice__reserve(&to->nodes, &to->node_space, to->node_count + 1, sizeof *to->nodes));
    *out                        = (uint32_t)to->node_count;
    to->nodes[to->node_count++] = (sluice__added_node){.token = -1, .byte = byte};
    return SLUICE_OK;
}

static sluice_status child_made(uint32_t *out, sluice__added *to, uint32_t node,
                                unsigned char byte) {
    *out = child_of(to, node, byte);
    if (*out != 0) return SLUICE_OK;
    SLUICE__TRY(add_node(out, to, byte));
    to->nodes[*out].next  = to->nodes[node].first;
    to->nodes[node].first = *out;
    return SLUICE_OK;
}

static sluice_status add_text(uint32_t *out, sluice__added *to, const char *text, size_t bytes) {
    if (to->node_count == 0) SLUICE__TRY(add_node(out, to, 0));
    *out = 0;
    for (size_t k = 0; k < bytes; k++)
        SLUICE__TRY(child_made(out, to, *out, (unsigned char)text[k]));
    return SLUICE_OK;
}

sluice_status sluice__added_add(sluice__added *to, const sluice__added_token *token,
                                const char *text, size_t bytes) {
    uint32_t node = 0;
    if (bytes > SLUICE__MAX_ADDED_BYTES)
        return sluice__fail(SLUICE_E_PARSE, "added token '%.40s...' has %zu bytes; at most %d here",
                            text, bytes, SLUICE__MAX_ADDED_BYTES);
    SLUICE__TRY(add_text(&node, to, text, bytes));
    if (to->nodes[node].token >= 0)
        return sluice__fail(SLUICE_E_PARSE, "added token '%.60s' is there twice", text);
    SLUICE__TRY(sluice__reserve(&to->list, &to->space, to->count + 1, sizeof *to->list));
    to->nodes[node].token = (int32_t)to->count;
    to->list[to->count++] = *token;
    to->has_words         = to->has_words || token->is_word;
    to->takes_left        = to->takes_left || token->takes_left;

    to->starts[(unsigned char)text[0]] = true;
    return SLUICE_OK;
}

void sluice__added_free(sluice__added *added) {
    sluice__free(added->list);
    sluice__free(added->nodes);
}

/* ---- the search ---- */

/* The longest token at `at`; `*is_open` if more text might make it longer. -1: none. */
static int32_t longest_at(size_t *end, bool *is_open, const sluice__added *in,
                          const sluice__added_search *search, size_t at) {
    uint32_t node   = 0;
    int32_t longest = -1;
    for (size_t k = at; k < search->bytes; k++) {
        node = child_of(in, node, (unsigned char)search->text[k]);
        if (node == 0) return longest;
        if (in->nodes[node].token >= 0) longest = in->nodes[node].token, *end = k + 1;
    }
    *is_open = search->is_unfinished && in->nodes[node].first != 0;
    return longest;
}

static bool is_word_before(const char *text, size_t at) {
    return at > 0 && sluice__is_word(sluice__utf8_code(text + sluice__utf8_before(text, at)));
}

static bool is_whole_word(const sluice__added_search *in, const sluice__added_match *match) {
    return !is_word_before(in->text, match->begin) &&
           !(match->end < in->bytes && sluice__is_word(sluice__utf8_code(in->text + match->end)));
}

/* Where the white space before `at` begins, or the token before that ends. A token may begin in
 * white space that the one before took. */
static size_t begin_of_spaces(const sluice__added_search *in, size_t at) {
    if (at <= in->done) return at;
    return at - sluice__spaces_at_end(in->text + in->done, at - in->done);
}

/* Where the white space from `at` on ends. There may be a token at each place of a run, which is
 * looked through once. */
static size_t end_of_spaces(sluice__added_search *in, size_t at) {
    if (at >= in->spaces_from && at < in->spaces_to) return in->spaces_to;
    in->spaces_from = at;
    in->spaces_to   = at + sluice__spaces_at_start(in->text + at, in->bytes - at);
    return in->spaces_to;
}

/* With the white space that belongs to it. */
static void widen(sluice__added_match *match, const sluice__added_token *token,
                  sluice__added_search *search) {
    if (token->takes_left) match->begin = begin_of_spaces(search, match->begin);
    if (token->takes_right) match->end = end_of_spaces(search, match->end);
}

/* Whether what a token takes, or whether it is one, depends on text that is not there yet. */
static bool is_undecided(const sluice__added_search *in, const sluice__added_token *token,
                         const sluice__added_match *match) {
    return in->is_unfinished && match->end == in->bytes && (token->is_word || token->takes_right);
}

typedef enum verdict { IS_TOKEN, IS_NONE, IS_OPEN } verdict;

static verdict judge(sluice__added_match *match, const sluice__added_token *token,
                     sluice__added_search *search) {
    const size_t begin = match->begin, end = match->end;
    match->id = token->id;
    if (token->is_word && !is_whole_word(search, match)) {
        search->barred_from = begin, search->barred_to = end;
        return IS_NONE;
    }
    widen(match, token, search);
    if (!is_undecided(search, token, match)) return IS_TOKEN;
    search->open = match->begin;
    return IS_OPEN;
}

bool sluice__added_next(sluice__added_match *out, const sluice__added *added,
                        sluice__added_search *search) {
    search->open = search->bytes;
    if (added->count == 0) return false;
    while (search->at < search->bytes) {
        const size_t at = search->at++;
        bool is_open    = false;
        if (!added->starts[(unsigned char)search->text[at]]) continue;
        *out                = (sluice__added_match){.begin = at};
        const int32_t index = longest_at(&out->end, &is_open, added, search, at);
        if (is_open) {
            search->open = at;
            return false;
        }
        if (index < 0) continue;
        search->at         = out->end;
        const verdict says = judge(out, &added->list[index], search);
        if (says == IS_NONE) continue;
        if (says == IS_TOKEN) search->done = out->end;
        return says == IS_TOKEN;
    }
    return false;
}
