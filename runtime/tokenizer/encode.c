/* SPDX-License-Identifier: MIT */
/* encode.c -- texts to tokens. */
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/tokenizer/bpe.h"
#include "runtime/tokenizer/characters.h"
#include "runtime/tokenizer/word_cache.h"
#include "runtime/tokenizer/word_merges.h"

struct sluice_bpe_encoder {
    const sluice_bpe *bpe;
    sluice__matcher matcher;
    sluice__word_cache cache;
    sluice__word_scratch scratch;
    sluice__composed composed;
    char *spaced; /* a piece with a space in front */
    size_t spaced_space;
};

/* ---- lists of ids ---- */

static sluice_status reserve(sluice_ids *in, size_t more) {
    const size_t wanted = (size_t)in->count + more;
    if (wanted <= (size_t)in->capacity) return SLUICE_OK;
    const size_t space = wanted + wanted / 2 + 64;
    SLUICE__TRY(sluice__grow(&in->list, space, sizeof *in->list));
    in->capacity = (int64_t)space;
    return SLUICE_OK;
}

sluice_status sluice__ids_add(sluice_ids *to, const int32_t *ids, size_t count) {
    SLUICE__TRY(reserve(to, count));
    if (count > 0) memcpy(to->list + to->count, ids, count * sizeof *ids);
    to->count += (int64_t)count;
    return SLUICE_OK;
}

void sluice_ids_free(sluice_ids *ids) {
    sluice__free(ids->list);
    *ids = (sluice_ids){0};
}

/* ---- words ---- */

/* The tokens of its bytes: those on both sides of one that is left out are neighbours. */
static size_t list_bytes(int32_t *ids, const sluice_bpe *bpe, const char *text, size_t bytes) {
    size_t count    = 0;
    bool is_unknown = false;
    for (size_t k = 0; k < bytes; k++) {
        const unsigned char byte = (unsigned char)text[k];
        const bool is_fused      = bpe->fuses_unknown && is_unknown && bpe->is_unknown[byte];
        if (bpe->of_byte[byte] >= 0 && !is_fused) ids[count++] = bpe->of_byte[byte];
        is_unknown = bpe->is_unknown[byte];
    }
    return count;
}

static sluice_status merge_word(sluice_ids *out, sluice_bpe_encoder *encoder, const char *text,
                                size_t bytes) {
    const sluice_bpe *const bpe = encoder->bpe;
    const int32_t whole = bpe->ignores_merges ? sluice__tokens_find(&bpe->tokens, text, bytes) : -1;
    if (whole >= 0) return sluice__ids_add(out, &whole, 1);
    SLUICE__TRY(reserve(out, bytes));
    int32_t *const ids = out->list + out->count;
    size_t count       = list_bytes(ids, bpe, text, bytes);
    if (bpe->merges.count > 0)
        SLUICE__TRY(sluice__word_merge(ids, &count, &bpe->merges, &encoder->scratch));
    out->count += (int64_t)count;
    return SLUICE_OK;
}

static sluice_status encode_word(sluice_ids *out, sluice_bpe_encoder *encoder, const char *text,
                                 size_t bytes) {
    sluice__cached_word *const slot = sluice__word_cache_slot(&encoder->cache, text, bytes);
    if (slot && sluice__cached_is(slot, text, bytes))
        return sluice__ids_add(out, slot->ids, slot->count);
    const int64_t before = out->count;
    SLUICE__TRY(merge_word(out, encoder, text, bytes));
    if (slot)
        sluice__cached_set(slot, text, bytes, out->list + before, (size_t)(out->count - before));
    return SLUICE_OK;
}

/* ---- pieces ---- */

static sluice_status cut_piece(sluice_ids *out, sluice_bpe_encoder *encoder, int split,
                               const char *text, size_t bytes);

/* Unless it begins with one. The text of a piece that has got one stays until the next one, which
 * is later than the piece's own words. */
static sluice_status put_space(const char **text, size_t *bytes, sluice_bpe_encoder *encoder) {
    if (**text == ' ') return SLUICE_OK;
    SLUICE__TRY(sluice__reserve(&encoder->spaced, &encoder->spaced_space, *bytes + 1, 1));
    encoder->spaced[0] = ' ';
    memcpy(encoder->spaced + 1, *text, *bytes);
    *text = encoder->spaced;
    *bytes += 1;
    return SLUICE_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as there are patterns, SLUICE__MAX_SPLITS at most. */
static sluice_status encode_piece(sluice_ids *out, sluice_bpe_encoder *encoder, int split,
                                  const char *text, size_t bytes) {
    if (bytes == 0) return SLUICE_OK;
    if (split == encoder->bpe->space_at) SLUICE__TRY(put_space(&text, &bytes, encoder));
    if (split == encoder->bpe->split_count) return encode_word(out, encoder, text, bytes);
    return cut_piece(out, encoder, split, text, bytes);
}

/* NOLINTNEXTLINE(misc-no-recursion): see above */
static sluice_status cut_piece(sluice_ids *out, sluice_bpe_encoder *encoder, int split,
                               const char *text, size_t bytes) {
    const sluice__splitter *const by = &encoder->bpe->splits[split];
    size_t done                      = 0;
    while (done < bytes) {
        sluice__split_match piece;
        SLUICE__TRY(sluice__splitter_next(&piece, by, &encoder->matcher, text, bytes, done, false));
        if (!piece.is_there) break;
        SLUICE__TRY(encode_piece(out, encoder, split + 1, text + done, piece.begin - done));
        SLUICE__TRY(
            encode_piece(out, encoder, split + 1, text + piece.begin, piece.end - piece.begin));
        done = piece.end;
    }
    return encode_piece(out, encoder, split + 1, text + done, bytes - done);
}

/* ---- added tokens ---- */

typedef sluice_status encode_rest(sluice_ids *out, sluice_bpe_encoder *encoder, const char *text,
                                  size_t bytes);

static sluice_status encode_between(sluice_ids *out, sluice_bpe_encoder *encoder,
                                    const sluice__added *added, const char *text, size_t bytes,
                                    encode_rest *rest) {
    sluice__added_search search = {.text = text, .bytes = bytes};
    sluice__added_match match;
    size_t done = 0;
    while (sluice__added_next(&match, added, &search)) {
        if (done < match.begin) SLUICE__TRY(rest(out, encoder, text + done, match.begin - done));
        SLUICE__TRY(sluice__ids_add(out, &match.id, 1));
        done = match.end;
    }
    return done < bytes ? rest(out, encoder, text + done, bytes - done) : SLUICE_OK;
}

static sluice_status encode_plain(sluice_ids *out, sluice_bpe_encoder *encoder, const char *text,
                                  size_t bytes) {
    return encode_piece(out, encoder, 0, text, bytes);
}

static sluice_status encode_composed(sluice_ids *out, sluice_bpe_encoder *encoder, const char *text,
                                     size_t bytes) {
    const sluice_bpe *const bpe = encoder->bpe;
    if (bpe->composes && !sluice__is_composed(&bpe->composer, text, bytes)) {
        SLUICE__TRY(sluice__compose(&encoder->composed, &bpe->composer, text, bytes));
        text = encoder->composed.text, bytes = encoder->composed.bytes;
    }
    return encode_between(out, encoder, &bpe->composed, text, bytes, encode_plain);
}

/* ---- texts ---- */

sluice_status sluice_bpe_encode(sluice_ids *out, sluice_bpe_encoder *encoder, const char *text,
                                size_t bytes) {
    const sluice_bpe *const bpe = encoder->bpe;
    sluice__matcher_allow(&encoder->matcher, bytes);
    for (size_t at = 0; at < bytes;) {
        const size_t valid = sluice__utf8_valid(text + at, bytes - at);
        if (valid > 0)
            SLUICE__TRY(
                encode_between(out, encoder, &bpe->as_is, text + at, valid, encode_composed));
        at += valid;
        if (at == bytes) break;
        const int32_t *const id = &bpe->of_byte[(unsigned char)text[at++]];
        if (*id >= 0) SLUICE__TRY(sluice__ids_add(out, id, 1));
    }
    return SLUICE_OK;
}

/* ---- encoders ---- */

void sluice_bpe_encoder_free(sluice_bpe_encoder *encoder) {
    if (!encoder) return;
    sluice__matcher_free(&encoder->matcher);
    sluice__word_cache_free(&encoder->cache);
    sluice__word_scratch_free(&encoder->scratch);
    sluice__composed_free(&encoder->composed);
    sluice__free(encoder->spaced);
    sluice__free(encoder);
}

sluice_status sluice_bpe_encoder_make(sluice_bpe_encoder **out, const sluice_bpe *bpe) {
    sluice_bpe_encoder *made = NULL;
    SLUICE__TRY(sluice__alloc(&made, 1, sizeof *made));
    made->bpe            = bpe;
    sluice_status status = sluice__matcher_make(&made->matcher);
    if (status == SLUICE_OK) status = sluice__word_cache_make(&made->cache);
    if (status == SLUICE_OK)
        *out = made;
    else
        sluice_bpe_encoder_free(made);
    return status;
}
