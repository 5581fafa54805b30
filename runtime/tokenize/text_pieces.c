/* SPDX-License-Identifier: MIT */
/* text_pieces.c -- where texts are cut, so that pieces have the tokens of the whole. What a cut
 * leaves is read again with the next piece. */
#include "runtime/tokenize/text_pieces.h"

#include <inttypes.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

enum { MAX_UNCUT = 64 << 20 };

static const sluice__piece *file_of(const sluice__text_source *from) {
    return &from->corpus->pieces[from->file];
}

static bool is_last_file(const sluice__text_source *from) {
    return from->file == from->corpus->count - 1;
}

/* ---- memory ---- */

static sluice_status make_space(sluice__text_piece *piece, size_t bytes) {
    if (bytes <= piece->capacity) return SLUICE_OK;
    SLUICE__TRY(sluice__grow(&piece->text, bytes, 1));
    piece->capacity = bytes;
    return SLUICE_OK;
}

static sluice_status add_part(sluice__text_piece *piece, size_t bytes, bool is_followed) {
    SLUICE__TRY(sluice__reserve(&piece->parts, &piece->part_capacity, (size_t)piece->count + 1,
                                sizeof *piece->parts));
    piece->bytes += bytes;
    piece->parts[piece->count++] = (sluice__text_part){piece->bytes, is_followed};
    return SLUICE_OK;
}

void sluice__text_piece_free(sluice__text_piece *piece) {
    sluice__free(piece->text);
    sluice__free(piece->parts);
    *piece = (sluice__text_piece){0};
}

/* ---- parts ---- */

/* All that is left of a file: `bytes`, which have been read. */
static sluice_status end_file(sluice__text_piece *piece, sluice__text_source *from, size_t bytes) {
    const bool is_followed = !is_last_file(from);
    piece->file_bytes += (int64_t)bytes;
    if (is_followed && from->adds_newlines) piece->text[piece->bytes + bytes++] = '\n';
    SLUICE__TRY(add_part(piece, bytes, is_followed));
    from->file++;
    from->at = 0;
    return SLUICE_OK;
}

static sluice_status refuse_uncut(const sluice__text_source *from) {
    sluice__fail(SLUICE_E_UNSUPPORTED,
                 "'%s' has no place at which the tokenizer would cut it in the %d MiB from byte "
                 "%" PRId64 " on",
                 file_of(from)->path, MAX_UNCUT >> 20, from->at);
    return sluice__hint(SLUICE_E_UNSUPPORTED,
                        "text has spaces, newlines or punctuation; leave the file out");
}

/* As much of a file as fits, up to a cut or to its end. A part that cannot be cut in what is left
 * of a piece begins the next one; there the piece grows. */
static sluice_status read_part(sluice__text_piece *piece, sluice__text_source *from) {
    const size_t left = (size_t)(file_of(from)->count - from->at);
    size_t have = 0, wanted = from->piece_bytes - piece->bytes;
    for (;; wanted *= 2) {
        const size_t now = left < wanted ? left : wanted;
        SLUICE__TRY(make_space(piece, piece->bytes + now + 1)); /* 1: a newline */
        char *const text = piece->text + piece->bytes;
        SLUICE__TRY(sluice__corpus_read_text((unsigned char *)text + have, from->corpus,
                                             file_of(from), from->at + (int64_t)have,
                                             (int64_t)(now - have)));
        have = now;
        if (have == left) return end_file(piece, from, have);
        const size_t cut = sluice_bpe_cut(from->bpe, text, have);
        if (cut > 0) {
            from->at += (int64_t)cut;
            piece->file_bytes += (int64_t)cut;
            return add_part(piece, cut, false);
        }
        if (piece->count > 0) return SLUICE_OK;
        if (have >= MAX_UNCUT) return refuse_uncut(from);
    }
}

/* Many small files are one piece; what is cut ends it. */
sluice_status sluice__text_piece_read(sluice__text_piece *piece, sluice__text_source *from) {
    piece->bytes = 0, piece->count = 0, piece->file_bytes = 0;
    while (from->file < from->corpus->count && piece->bytes <= from->piece_bytes / 2) {
        const int file = from->file;
        SLUICE__TRY(read_part(piece, from));
        if (from->file == file) break;
    }
    piece->number = from->number++;
    return SLUICE_OK;
}
