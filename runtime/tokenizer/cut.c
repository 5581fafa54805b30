/* SPDX-License-Identifier: MIT */
/*
 * cut.c -- how much of a text can be encoded before the rest is there.
 *
 * A text is cut where its first pattern cuts it whatever follows: PCRE2 says of a match whether it
 * looked at the text's end. Before that come the tokens that are found in the text, and what NFC
 * may compose with what follows. Where lines are known to end words, the search starts at the last
 * of them.
 */
#include "runtime/tokenizer/bpe.h"
#include "runtime/tokenizer/utf8.h"

/* What is looked through: a part of the text, or what it was composed to. */
typedef struct view {
    const char *text;
    size_t bytes;
    size_t offset;                /* of the part in the whole text */
    const sluice__composed *from; /* NULL: as it is */
} view;

typedef struct cutter {
    const sluice_bpe *bpe;
    sluice__matcher matcher;
    sluice__composed composed;
    size_t best; /* the last place for a cut that was found, of the whole text */
} cutter;

/* ---- places ---- */

/* A token that was none, as it is no whole word, might become one at a cut. */
static bool is_barred(const sluice__added_search *search, size_t at) {
    return search->barred_to > 0 && at >= search->barred_from && at <= search->barred_to;
}

static void offer(cutter *to, const view *in, const sluice__added_search *search, size_t at) {
    size_t was = at;
    if (is_barred(search, at)) return;
    if (in->from && !sluice__composed_was(&was, in->from, at)) return;
    if (in->offset + was > to->best) to->best = in->offset + was;
}

/* What follows a cut inside a piece would get a space in front, unless it begins with one. */
static bool may_begin_text(const sluice_bpe *bpe, const view *in, size_t at) {
    return bpe->space_at != 0 || (at < in->bytes && in->text[at] == ' ');
}

/* ---- pieces ---- */

/* Bytes are tokens, and nothing joins them: a cut may be anywhere. */
static bool is_bytes_alone(const sluice_bpe *bpe) {
    return bpe->split_count == 0 && bpe->merges.count == 0 && !bpe->ignores_merges;
}

/* From `at`, which is a place for a cut, up to `end`, where more may follow. */
static void look_through(cutter *to, const view *in, const sluice__added_search *search, size_t at,
                         size_t end) {
    const sluice_bpe *const bpe = to->bpe;
    if (is_bytes_alone(bpe) && may_begin_text(bpe, in, end)) offer(to, in, search, end);
    if (bpe->split_count == 0 || bpe->splits[0].looks_back) return;
    while (at < end) {
        sluice__split_match piece;
        if (sluice__splitter_next(&piece, &bpe->splits[0], &to->matcher, in->text, end, at, true) !=
                SLUICE_OK ||
            !piece.is_there)
            return;
        if (may_begin_text(bpe, in, piece.begin)) offer(to, in, search, piece.begin);
        if (may_begin_text(bpe, in, piece.end)) offer(to, in, search, piece.end);
        at = piece.end;
    }
}

/* ---- added tokens ---- */

typedef void look_between(cutter *to, const view *in, const sluice__added_search *search, size_t at,
                          size_t end);

static void find_added(cutter *to, const view *in, const sluice__added *added, look_between *rest) {
    sluice__added_search search = {.text = in->text, .bytes = in->bytes, .is_unfinished = true};
    sluice__added_match match;
    while (sluice__added_next(&match, added, &search)) offer(to, in, &search, match.end);
    size_t end = search.open;
    if (added->takes_left) end -= sluice__spaces_at_end(in->text, end);
    if (end > search.done) rest(to, in, &search, search.done, end);
}

static void look_at_composed(cutter *to, const view *in, const sluice__added_search *search,
                             size_t at, size_t end) {
    const sluice_bpe *const bpe = to->bpe;
    view part                   = {in->text + at, end - at, in->offset + at, NULL};
    if (search->barred_to > at) return;
    if (bpe->composes) part.bytes = sluice__composed_bytes(&bpe->composer, part.text, part.bytes);
    if (bpe->composes && !sluice__is_composed(&bpe->composer, part.text, part.bytes)) {
        if (sluice__compose(&to->composed, &bpe->composer, part.text, part.bytes) != SLUICE_OK)
            return;
        part = (view){to->composed.text, to->composed.bytes, part.offset, &to->composed};
    }
    find_added(to, &part, &bpe->composed, look_through);
}

/* ---- the text ---- */

/* Where the whole characters at the end begin: behind the last byte that is none. */
static size_t begin_of_valid(const char *text, size_t from, size_t bytes) {
    size_t at = from;
    for (;;) {
        const size_t end = at + sluice__utf8_valid(text + at, bytes - at);
        if (end == bytes) return at;
        at = end + 1;
    }
}

static bool has_inner_line(const sluice_bpe *bpe, const sluice__added *added) {
    for (size_t k = 0; k < added->count; k++) {
        const sluice__token *const token = sluice__tokens_get(&bpe->tokens, added->list[k].id);
        for (size_t n = 0; n < token->bytes; n++)
            if (bpe->tokens.bytes[token->at + n] == '\n') return true;
    }
    return added->takes_left;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The last place that is one without doubt: where a line begins with a letter. */
static size_t last_line(const sluice_bpe *bpe, const char *text, size_t bytes) {
    if (bpe->split_count == 0 || !bpe->splits[0].ends_lines || bpe->space_at == 0) return 0;
    if (has_inner_line(bpe, &bpe->as_is) || has_inner_line(bpe, &bpe->composed)) return 0;
    for (size_t at = bytes; at-- > 1;)
        if (text[at - 1] == '\n' && is_letter(text[at])) return at;
    return 0;
}

size_t sluice_bpe_cut(const sluice_bpe *bpe, const char *text, size_t bytes) {
    cutter by        = {.bpe = bpe};
    const size_t end = bytes - sluice__utf8_unfinished(text, bytes);
    by.best          = begin_of_valid(text, last_line(bpe, text, end), end);
    if (sluice__matcher_make(&by.matcher) != SLUICE_OK) return by.best;
    const view part = {text + by.best, end - by.best, by.best, NULL};
    if (part.bytes > 0) find_added(&by, &part, &bpe->as_is, look_at_composed);
    sluice__matcher_free(&by.matcher);
    sluice__composed_free(&by.composed);
    return by.best;
}
