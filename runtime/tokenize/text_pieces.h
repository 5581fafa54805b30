/* SPDX-License-Identifier: MIT */
/* text_pieces.h -- the files of a corpus, cut into pieces that can be tokenized apart. */
#ifndef SLUICE_TOKENIZE_TEXT_PIECES_H
#define SLUICE_TOKENIZE_TEXT_PIECES_H

#include <stdbool.h>

#include "runtime/io/corpus.h"
#include "sluice/tokenizer.h"

/* What is read next. */
typedef struct sluice__text_source {
    const sluice_corpus *corpus;
    const sluice_bpe *bpe;
    size_t piece_bytes;
    bool adds_newlines; /* one to each file but the last */
    int file;
    int64_t at;     /* byte in it */
    int64_t number; /* of the next piece */
} sluice__text_source;

/* A part of one file: it ends at byte `end` of the piece. */
typedef struct sluice__text_part {
    size_t end;
    bool is_followed; /* its file ends here, and another one follows */
} sluice__text_part;

/* Parts of consecutive files. Starts as {0}; all of its memory is used again. */
typedef struct sluice__text_piece {
    char *text;
    size_t bytes, capacity;
    sluice__text_part *parts;
    int count;
    size_t part_capacity;
    int64_t number, file_bytes; /* file_bytes: of those files */
} sluice__text_piece;

/* One without parts: there is no more. E_IO, E_UNSUPPORTED (no cut), E_HOST_MEMORY. */
sluice_status sluice__text_piece_read(sluice__text_piece *piece, sluice__text_source *from);
void sluice__text_piece_free(sluice__text_piece *piece);

#endif
