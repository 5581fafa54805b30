/* SPDX-License-Identifier: MIT */
/* corpus.h -- what the files of a corpus share: its pieces, and what was left out of them. */
#ifndef SLUICE_IO_CORPUS_H
#define SLUICE_IO_CORPUS_H

#include <stdbool.h>

#include "runtime/io/open_file.h"
#include "runtime/io/open_files.h"
#include "sluice/data.h"

enum {
    SLUICE__MIN_ZEROS = 64,     /* so many zero bytes in a row are not text */
    SLUICE__CHUNK     = 1 << 13 /* bytes that are read at a time */
};

/* A file's share of the sequence: tokens first .. first + count - 1. It is open only while it is
 * read. */
typedef struct sluice__piece {
    int64_t first, count;
    int width; /* bytes of a token: 1 in text, 2 or 4 in token files */
    char *path;
    sluice__file_stamp stamp; /* as it was when the corpus was opened */
} sluice__piece;

/* Why files, and then folders, that are in a folder are no part of the corpus. */
typedef enum sluice__left_out {
    SLUICE__LEFT_UNREADABLE,
    SLUICE__LEFT_NOT_TEXT,
    SLUICE__LEFT_EMPTY,
    SLUICE__LEFT_ZEROS,
    SLUICE__LEFT_SPECIAL,
    SLUICE__LEFT_LINK,
    SLUICE__LEFT_WRITTEN,
    SLUICE__LEFT_FOLDER_UNREADABLE,
    SLUICE__LEFT_FOLDER_MADE,
    SLUICE__LEFT_FOLDER_WRITTEN,
    SLUICE__LEFT_REASONS
} sluice__left_out;

typedef enum sluice__corpus_kind {
    SLUICE__CORPUS_EMPTY, /* so far */
    SLUICE__CORPUS_TEXT,
    SLUICE__CORPUS_TOKENS
} sluice__corpus_kind;

struct sluice_corpus {
    sluice__piece *pieces;
    int count, capacity;
    sluice__corpus_kind kind;
    int64_t tokens, length, vocabulary, windows, held_out;
    int width;                   /* the largest of a piece */
    int64_t limit;               /* a token that is not below it is refused */
    sluice__file_stamp *written; /* files and folders that are not data */
    int written_count;
    int64_t left_out[SLUICE__LEFT_REASONS];
    char left_out_text[256];
    sluice__open_files *open;
};

/* ---- adding (corpus_add.c, corpus_folder.c) ---- */

/* A path that the caller names, or a file that was found in a folder. */
sluice_status sluice__corpus_add_path(sluice_corpus *corpus, const char *path);
sluice_status sluice__corpus_add_found(sluice_corpus *corpus, const char *path);
sluice_status sluice__corpus_add_folder(sluice_corpus *corpus, const char *path);
/* Whether it is one of the files and folders that are not data. */
bool sluice__corpus_is_written(const sluice_corpus *corpus, const struct stat *about);
/* Write `left_out_text` from the counts. */
void sluice__corpus_count_left_out(sluice_corpus *corpus);

/* ---- reading (corpus_read.c) ---- */

/* What takes `count` tokens, which are borrowed, and of which the first has number `first`. */
typedef void sluice__take_tokens(void *context, const int32_t *tokens, int64_t first,
                                 int64_t count);

/* Give tokens begin .. end - 1 of the sequence to `take`, and refuse those that are not below the
 * corpus's limit, text that is zeros, and files that are not as they were. Separating newlines are
 * given too. */
sluice_status sluice__corpus_read(const sluice_corpus *corpus, int64_t begin, int64_t end,
                                  sluice__take_tokens *take, void *context);
/* `count` bytes of a text from byte `at` on, which the piece has; the same is refused. */
sluice_status sluice__corpus_read_text(unsigned char *to, const sluice_corpus *corpus,
                                       const sluice__piece *piece, int64_t at, int64_t count);

#endif
