/* SPDX-License-Identifier: MIT */
/* corpus.c -- files of text or tokens as one sequence, cut into windows. */
#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/mapped.h"
#include "runtime/io/permutation.h"
#include "sluice/data.h"

enum {
    BYTE_VOCABULARY  = 256,
    TOKEN_VOCABULARY = 50257,
    HEADER_WORDS     = 256,
    HEADER_BYTES     = 4 * HEADER_WORDS,
    TOKEN_MAGIC      = 20240520,
    LOOK             = 8192, /* bytes in which a NUL means: not text */
    PER_CENT_HELD    = 5
};

/* A file's share of the sequence: tokens first .. first + count - 1. */
typedef struct piece {
    sluice__mapped file;
    int64_t first, count;
} piece;

struct sluice_corpus {
    piece *pieces;
    int count, capacity;
    bool is_tokens;
    int64_t tokens, length, vocabulary, windows, held_out;
};

static sluice_status add_piece(sluice_corpus *corpus, sluice__mapped file, int64_t count) {
    if (corpus->count == corpus->capacity) {
        const int capacity = corpus->capacity ? 2 * corpus->capacity : 64;
        const sluice_status status =
            sluice__grow(&corpus->pieces, (size_t)capacity, sizeof *corpus->pieces);
        if (status != SLUICE_OK) {
            sluice__unmap(&file);
            return status;
        }
        corpus->capacity = capacity;
    }
    /* One newline, which belongs to no file, separates two texts. */
    if (corpus->count > 0 && !corpus->is_tokens) corpus->tokens++;
    corpus->pieces[corpus->count++] = (piece){file, corpus->tokens, count};
    corpus->tokens += count;
    return SLUICE_OK;
}

/* ---- text ---- */

static bool is_text(const sluice__mapped *file) {
    return !file->bytes || !memchr(file->bytes, 0, file->size < LOOK ? file->size : LOOK);
}

static sluice_status add_text(sluice_corpus *corpus, const char *path) {
    sluice__mapped file;
    SLUICE__TRY(sluice__map(&file, path));
    if (file.size == 0) return sluice__fail(SLUICE_E_ARGUMENT, "'%s' is empty", path);
    if (!is_text(&file)) {
        sluice__unmap(&file);
        sluice__fail(SLUICE_E_ARGUMENT, "'%s' is not text: it has a zero byte", path);
        return sluice__hint(SLUICE_E_ARGUMENT, "token files must be named .bin");
    }
    return add_piece(corpus, file, (int64_t)file.size);
}

/* A file found in a folder: skipped if it is not text. */
static sluice_status add_found(sluice_corpus *corpus, const char *path) {
    sluice__mapped file;
    if (sluice__map(&file, path) != SLUICE_OK) return SLUICE_OK;
    if (file.size > 0 && is_text(&file)) return add_piece(corpus, file, (int64_t)file.size);
    sluice__unmap(&file);
    return SLUICE_OK;
}

static int compare_entries(const FTSENT **left, const FTSENT **right) {
    return strcmp((*left)->fts_name, (*right)->fts_name);
}

/* Skip folders of builds and of earlier runs. */
static bool is_made_by_tools(const char *folder) {
    static const char *const marks[] = {"CMakeCache.txt", "model.safetensors"};
    for (size_t k = 0; k < sizeof marks / sizeof *marks; k++) {
        char path[4096];
        struct stat about;
        const int length = snprintf(path, sizeof path, "%s/%s", folder, marks[k]);
        if (length > 0 && (size_t)length < sizeof path && stat(path, &about) == 0) return true;
    }
    return false;
}

static sluice_status walk(sluice_corpus *corpus, FTS *tree) {
    FTSENT *entry;
    while ((entry = fts_read(tree))) {
        const bool is_top = entry->fts_level == FTS_ROOTLEVEL;
        if (entry->fts_info == FTS_DNR && is_top)
            return sluice__fail(SLUICE_E_IO, "cannot read folder '%s': %s", entry->fts_path,
                                strerror(entry->fts_errno));
        const bool hidden = !is_top && entry->fts_name[0] == '.';
        if (entry->fts_info == FTS_D &&
            (hidden || (!is_top && is_made_by_tools(entry->fts_accpath))))
            fts_set(tree, entry, FTS_SKIP);
        if (entry->fts_info == FTS_F && !hidden) SLUICE__TRY(add_found(corpus, entry->fts_accpath));
    }
    return SLUICE_OK;
}

static sluice_status add_folder(sluice_corpus *corpus, const char *path) {
    char *copy;
    SLUICE__TRY(sluice__copy_text(&copy, path));
    char *roots[]        = {copy, NULL};
    FTS *tree            = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, compare_entries);
    sluice_status status = SLUICE_OK;
    if (!tree)
        status = sluice__fail(SLUICE_E_IO, "cannot read folder '%s': %s", path, strerror(errno));
    else
        status = walk(corpus, tree);
    if (tree) fts_close(tree);
    sluice__free(copy);
    return status;
}

/* ---- token files ---- */

static int32_t header_word(const sluice__mapped *file, int word) {
    const unsigned char *at = file->bytes + (ptrdiff_t)4 * word;
    return (int32_t)((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                     (uint32_t)at[3] << 24);
}

static sluice_status check_tokens(const sluice__mapped *file, const char *path) {
    const size_t header = HEADER_BYTES;
    if (file->size < header)
        return sluice__fail(SLUICE_E_PARSE,
                            "'%s' has %zu bytes, fewer than a token file's header, which has %zu",
                            path, file->size, header);
    if (header_word(file, 0) != TOKEN_MAGIC)
        return sluice__fail(SLUICE_E_PARSE, "'%s' begins with %" PRId32 ", a token file with %d",
                            path, header_word(file, 0), TOKEN_MAGIC);
    if (header_word(file, 1) != 1)
        return sluice__fail(SLUICE_E_PARSE,
                            "'%s' is a token file of version %" PRId32 "; known is 1", path,
                            header_word(file, 1));
    const int64_t count = header_word(file, 2);
    if (count < 0 || file->size - header != 2 * (size_t)count)
        return sluice__fail(SLUICE_E_PARSE,
                            "'%s' says it has %" PRId64 " tokens, but %zu bytes follow its header",
                            path, count, file->size - header);
    return SLUICE_OK;
}

static int32_t token_at(const unsigned char *tokens, int64_t index) {
    return tokens[2 * index] | tokens[2 * index + 1] << 8;
}

static sluice_status add_tokens(sluice_corpus *corpus, const char *path) {
    sluice__mapped file;
    SLUICE__TRY(sluice__map(&file, path));
    const sluice_status status = check_tokens(&file, path);
    if (status != SLUICE_OK) {
        sluice__unmap(&file);
        return status;
    }
    const int64_t count = header_word(&file, 2);
    for (int64_t k = 0; k < count; k++) {
        const int64_t token = token_at(file.bytes + HEADER_BYTES, k);
        if (token >= corpus->vocabulary) corpus->vocabulary = token + 1;
    }
    return add_piece(corpus, file, count);
}

/* ---- open ---- */

static bool is_token_file(const char *path) {
    const size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".bin") == 0;
}

static sluice_status add_path(sluice_corpus *corpus, const char *path) {
    struct stat about;
    if (stat(path, &about) != 0)
        return sluice__fail(SLUICE_E_IO, "cannot read '%s': %s", path, strerror(errno));
    if (is_token_file(path) != corpus->is_tokens)
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "'%s' does not go with the paths before it: text and "
                            "token files cannot be mixed",
                            path);
    if (corpus->is_tokens) return add_tokens(corpus, path);
    return S_ISDIR(about.st_mode) ? add_folder(corpus, path) : add_text(corpus, path);
}

static sluice_status cut(sluice_corpus *corpus) {
    const int64_t length = corpus->length;
    if (corpus->count == 0) {
        sluice__fail(SLUICE_E_ARGUMENT, "there is no text in the data");
        return sluice__hint(SLUICE_E_ARGUMENT,
                            "name text files, or folders with text files that are not hidden");
    }
    corpus->windows = (corpus->tokens - 1) / length;
    if (corpus->windows < 2) {
        sluice__fail(SLUICE_E_ARGUMENT,
                     "the data has %" PRId64 " tokens; two sequences of %" PRId64 " need %" PRId64,
                     corpus->tokens, length, 2 * length + 1);
        return sluice__hint(SLUICE_E_ARGUMENT, "give more data, or use shorter sequences");
    }
    corpus->held_out = corpus->windows * PER_CENT_HELD / 100;
    if (corpus->held_out < 1) corpus->held_out = 1;
    return SLUICE_OK;
}

sluice_status sluice_corpus_open(sluice_corpus **out, const char *const *paths, int count,
                                 int64_t length) {
    if (length < 1)
        return sluice__fail(SLUICE_E_ARGUMENT, "sequences of %" PRId64 " tokens; use at least 1",
                            length);
    sluice_corpus *corpus;
    SLUICE__TRY(sluice__alloc(&corpus, 1, sizeof *corpus));
    corpus->length       = length;
    corpus->is_tokens    = count > 0 && is_token_file(paths[0]);
    corpus->vocabulary   = corpus->is_tokens ? TOKEN_VOCABULARY : BYTE_VOCABULARY;
    sluice_status status = SLUICE_OK;
    for (int k = 0; k < count; k++) SLUICE__TRY_OUT(add_path(corpus, paths[k]));
    SLUICE__TRY_OUT(cut(corpus));
    *out = corpus;
out:
    if (status != SLUICE_OK) sluice_corpus_close(corpus);
    return status;
}

void sluice_corpus_close(sluice_corpus *corpus) {
    if (!corpus) return;
    for (int k = 0; k < corpus->count; k++) sluice__unmap(&corpus->pieces[k].file);
    sluice__free(corpus->pieces);
    sluice__free(corpus);
}

/* ---- reading ---- */

int64_t sluice_corpus_length(const sluice_corpus *corpus) {
    return corpus->length;
}
int64_t sluice_corpus_tokens(const sluice_corpus *corpus) {
    return corpus->tokens;
}
int64_t sluice_corpus_files(const sluice_corpus *corpus) {
    return corpus->count;
}
int64_t sluice_corpus_vocabulary(const sluice_corpus *corpus) {
    return corpus->vocabulary;
}
int64_t sluice_corpus_held_out_windows(const sluice_corpus *corpus) {
    return corpus->held_out;
}

int64_t sluice_corpus_training_windows(const sluice_corpus *corpus) {
    return corpus->windows - corpus->held_out;
}

int64_t sluice_corpus_held_out(const sluice_corpus *corpus, int64_t k) {
    return sluice_corpus_training_windows(corpus) + k;
}

int64_t sluice_corpus_sample(const sluice_corpus *corpus, uint64_t seed, int64_t n, int64_t batch,
                             int64_t sample) {
    const uint64_t windows = (uint64_t)sluice_corpus_training_windows(corpus);
    const uint64_t index   = (uint64_t)n * (uint64_t)batch + (uint64_t)sample;
    return (int64_t)sluice__permute(index % windows, windows, seed, index / windows);
}

/* The piece that holds `token`; for a separating newline, the piece before it. */
static int find_piece(const sluice_corpus *corpus, int64_t token) {
    int low = 0, high = corpus->count - 1;
    while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (corpus->pieces[middle].first <= token)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static int32_t read_token(const sluice_corpus *corpus, const piece *from, int64_t token) {
    const int64_t index = token - from->first;
    if (index >= from->count) return '\n';
    return corpus->is_tokens ? token_at(from->file.bytes + HEADER_BYTES, index)
                             : from->file.bytes[index];
}

void sluice_corpus_window(int32_t *inputs, int32_t *targets, const sluice_corpus *corpus,
                          int64_t window) {
    const int64_t begin = window * corpus->length;
    int at              = find_piece(corpus, begin);
    for (int64_t t = 0; t <= corpus->length; t++) {
        while (at + 1 < corpus->count && corpus->pieces[at + 1].first <= begin + t) at++;
        const int32_t token = read_token(corpus, &corpus->pieces[at], begin + t);
        if (inputs && t < corpus->length) inputs[t] = token;
        if (targets && t > 0) targets[t - 1] = token;
    }
}
