/* SPDX-License-Identifier: MIT */
/*
 * cut.c -- how much of a text can be encoded before the rest is there.
 *
 * A text is cut where its first pattern cuts it whatever follows: PCRE2 says of a match whether it
 * looked at the text's end. What is before the cut must also be cut by itself as it is in the whole
 * text, where its last spaces are followed by others; that is tried. Before all that come the
 * tokens that are found in the text, and what NFC may compose with what follows. Where a word is
 * known to end, as the pattern is a known one, the search starts behind the last of them.
 */
#include <string.h>

#include "runtime/tokenizer/bpe.h"
#include "runtime/tokenizer/characters.h"

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
    size_t best; /* the last cut that was found, in the whole text */
} cutter;

/* ---- cuts ---- */

/* A token that was none, as it is no whole word, might become one at a cut. */
static bool is_barred(const sluice__added_search *search, size_t at) {
    return search->barred_to > 0 && at >= search->barred_from && at <= search->barred_to;
}

static bool offer(cutter *to, const view *in, const sluice__added_search *search, size_t at) {
    size_t was = at;
    if (is_barred(search, at)) return false;
    if (in->from && !sluice__composed_was(&was, in->from, at)) return false;
    if (in->offset + was > to->best) to->best = in->offset + was;
    return true;
}

/* What follows a cut inside a piece would get a space in front, unless it begins with one. */
static bool may_begin_text(const sluice_bpe *bpe, const view *in, size_t at) {
    return bpe->space_at != 0 || (at < in->bytes && in->text[at] == ' ');
}

/* ---- pieces ---- */

/* Bytes are tokens, and nothing joins them: a cut may be anywhere. */
static bool is_bytes_alone(const sluice_bpe *bpe) {
    return bpe->split_count == 0 && bpe->merges.count == 0 && !bpe->ignores_merges &&
           !bpe->fuses_unknown;
}

/* The last boundaries where a cut may be, and what tells the lists of all before them apart. */
enum { KEPT = 8 };
typedef struct boundaries {
    size_t at[KEPT];
    uint64_t digest[KEPT];
    size_t count; /* of all that there were; the last of them are kept */
} boundaries;

static uint64_t mix(uint64_t digest, size_t at) {
    digest = (digest ^ at) * UINT64_C(0x9E3779B97F4A7C15);
    return digest ^ digest >> 32;
}

/* Where the pattern cuts the text from `at` to `end`, up to where that may depend on what follows,
 * if anything does. Returns the digest of all boundaries, and those that may be a cut in `found`,
 * if that is not NULL. */
static uint64_t find_boundaries(boundaries *found, const cutter *by, const view *in, size_t at,
                                size_t end, bool is_unfinished) {
    const sluice__splitter *const split = &by->bpe->splits[0];
    uint64_t digest                     = 0;
    while (at < end) {
        sluice__split_match match;
        const sluice_status status =
            sluice__splitter_next(&match, split, &by->matcher, in->text, end, at, is_unfinished);
        if (status != SLUICE_OK || !match.is_there) break;
        const size_t ends[] = {match.begin, match.end};
        for (int k = match.begin == at; k < 2; k++) {
            digest = mix(digest, ends[k]);
            if (!found || !may_begin_text(by->bpe, in, ends[k])) continue;
            found->at[found->count % KEPT]       = ends[k];
            found->digest[found->count++ % KEPT] = digest;
        }
        at = match.end;
    }
    return is_unfinished || at == end ? digest : mix(digest, end);
}

/* From `at`, where a cut may be, up to `end`, where more may follow. */
static void look_through(cutter *to, const view *in, const sluice__added_search *search, size_t at,
                         size_t end) {
    const sluice_bpe *const bpe = to->bpe;
    boundaries found            = {.count = 0};
    if (is_bytes_alone(bpe) && may_begin_text(bpe, in, end)) (void)offer(to, in, search, end);
    if (bpe->split_count == 0 || bpe->splits[0].looks_back) return;
    (void)find_boundaries(&found, to, in, at, end, true);
    for (size_t k = found.count; k > 0 && found.count - k < KEPT; k--) {
        const size_t index = (k - 1) % KEPT;
        if (find_boundaries(NULL, to, in, at, found.at[index], false) != found.digest[index])
            continue;
        if (offer(to, in, search, found.at[index])) return;
    }
}

/* ---- added tokens ---- */

typedef void look_between(cutter *to, const view *in, const sluice__added_search *search, size_t at,
                          size_t end);

/* A token that takes the white space behind it may be followed by another that begins in there:
 * then no cut is where the first one ends. */
static void find_added(cutter *to, const view *in, const sluice__added *added, look_between *rest) {
    sluice__added_search search = {.text = in->text, .bytes = in->bytes, .is_unfinished = true};
    sluice__added_match match;
    size_t last = 0;
    while (sluice__added_next(&match, added, &search)) {
        if (match.begin >= last) (void)offer(to, in, &search, last);
        last = match.end;
    }
    size_t end = search.open;
    if (end >= last) (void)offer(to, in, &search, last);
    if (added->takes_left) end -= sluice__spaces_at_end(in->text, end);
    if (end > last) rest(to, in, &search, last, end);
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

/* What may follow a cut that is one without doubt: of the last of them no token must have any. */
static const char *const marks[] = {"\xE3\x80\x81", "\xE3\x80\x82", "\xEF\xBC\x8C"};
enum { MARKS = sizeof marks / sizeof *marks, MARK_BYTES = 3 };

static bool is_mark(const char *text, size_t bytes) {
    for (size_t k = 0; bytes >= MARK_BYTES && k < MARKS; k++)
        if (memcmp(text, marks[k], MARK_BYTES) == 0) return true;
    return false;
}

static bool has_end(const char *text, size_t bytes) {
    for (size_t at = 0; at < bytes; at++)
        if (text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r') ||
            is_mark(text + at, bytes - at))
            return true;
    return false;
}

/* Whether a token might be over the end of a word and what is behind it. */
static bool takes_ends(const sluice_bpe *bpe, const sluice__added *added) {
    for (size_t k = 0; k < added->count; k++) {
        const sluice__token *const token = sluice__tokens_get(&bpe->tokens, added->list[k].id);
        if (added->list[k].takes_right) return true;
        if (has_end(bpe->tokens.bytes + token->at, token->bytes)) return true;
    }
    return false;
}

/* Whether some pattern cuts where words end, and none does more there. */
static bool ends_words(const sluice_bpe *bpe) {
    bool does = false;
    for (int k = 0; k < bpe->split_count; k++) {
        if (!bpe->splits[k].ends_words && !bpe->splits[k].is_digits) return false;
        does = does || bpe->splits[k].ends_words;
    }
    return does;
}

/* Letters in all versions of Unicode that there are, and after NFC: of the alphabets that have no
 * spaces, or few. */
static bool is_letter(int32_t code) {
    static const int32_t letters[][2] = {{'A', 'Z'},       {'a', 'z'},       {0x3041, 0x3096},
                                         {0x30A1, 0x30FA}, {0x30FC, 0x30FE}, {0x3400, 0x4DB5},
                                         {0x4E00, 0x9FA5}, {0xAC00, 0xD7A3}};
    for (size_t k = 0; k < sizeof letters / sizeof *letters; k++)
        if (code >= letters[k][0] && code <= letters[k][1]) return true;
    return false;
}

/* The character before `at`; a space if it is none that is whole. */
static int32_t code_before(const char *text, size_t at) {
    for (size_t back = 1; back <= 4 && back <= at; back++)
        if (sluice__utf8_length(text + at - back, back) == back)
            return sluice__utf8_code(text + at - back);
    return ' ';
}

/* Every one of the patterns cuts before a space, unless there is one before it, and looks no
 * further. They cut between a letter and what is none as well, but what follows gets a space in
 * front if anything does. */
static bool is_word_end(const sluice_bpe *bpe, const char *text, size_t bytes, size_t at) {
    if (text[at] == ' ') return !sluice__is_space(code_before(text, at));
    if (bpe->space_at >= 0) return false;
    if (text[at] != '\n' && !is_mark(text + at, bytes - at)) return false;
    return is_letter(code_before(text, at));
}

/* The last cut that is one without doubt. */
static size_t last_word(const sluice_bpe *bpe, const char *text, size_t bytes) {
    if (!ends_words(bpe)) return 0;
    if (takes_ends(bpe, &bpe->as_is) || takes_ends(bpe, &bpe->composed)) return 0;
    for (size_t at = bytes; at-- > 1;)
        if (is_word_end(bpe, text, bytes, at)) return at;
    return 0;
}

size_t sluice_bpe_cut(const sluice_bpe *bpe, const char *text, size_t bytes) {
    cutter by        = {.bpe = bpe};
    const size_t end = bytes - sluice__utf8_unfinished(text, bytes);
    by.best          = begin_of_valid(text, last_word(bpe, text, end), end);
    if (sluice__matcher_make(&by.matcher) != SLUICE_OK) return by.best;
    sluice__matcher_allow(&by.matcher, bytes);
    const view part = {text + by.best, end - by.best, by.best, NULL};
    if (part.bytes > 0) find_added(&by, &part, &bpe->as_is, look_at_composed);
    sluice__matcher_free(&by.matcher);
    sluice__composed_free(&by.composed);
    return by.best;
}
