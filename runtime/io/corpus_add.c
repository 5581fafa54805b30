/* SPDX-License-Identifier: MIT */
/* corpus_add.c -- which files are text, which are tokens, and which are neither. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/corpus.h"
#include "runtime/io/token_head.h"

enum { LOOK = SLUICE__CHUNK /* first bytes, in which a zero means: not text */ };

/* A file that is looked at: its first bytes. */
typedef struct candidate {
    const char *path;
    int file;
    sluice__file_stamp stamp;
    unsigned char head[LOOK];
    size_t head_bytes;
} candidate;

static sluice_status look(candidate *it, const char *path) {
    it->path = path;
    SLUICE__TRY(sluice__open_file(&it->file, &it->stamp, path));
    const sluice_status status =
        sluice__read_at(&it->head_bytes, it->head, LOOK, it->file, 0, path);
    if (status != SLUICE_OK) close(it->file);
    return status;
}

/* ---- pieces ---- */

static sluice_status check_kind(sluice_corpus *corpus, sluice__corpus_kind kind, const char *path) {
    if (corpus->kind == SLUICE__CORPUS_EMPTY) corpus->kind = kind;
    if (corpus->kind == kind) return SLUICE_OK;
    sluice__fail(SLUICE_E_ARGUMENT,
                 "'%s' does not go with the paths before it: text and token files cannot be mixed",
                 path);
    return sluice__hint(SLUICE_E_ARGUMENT, "name the files that are meant, all of one kind");
}

static sluice_status make_slot(sluice_corpus *corpus) {
    if (corpus->count < corpus->capacity) return SLUICE_OK;
    const int capacity = corpus->capacity ? 2 * corpus->capacity : 64;
    SLUICE__TRY(sluice__grow(&corpus->pieces, (size_t)capacity, sizeof *corpus->pieces));
    corpus->capacity = capacity;
    return SLUICE_OK;
}

static sluice_status add_piece(sluice_corpus *corpus, const candidate *it, sluice__corpus_kind kind,
                               int width, int64_t count) {
    sluice__piece piece = {.count = count, .width = width, .stamp = it->stamp};
    SLUICE__TRY(check_kind(corpus, kind, it->path));
    SLUICE__TRY(make_slot(corpus));
    SLUICE__TRY(sluice__copy_text(&piece.path, it->path));
    /* One newline, which belongs to no file, separates two texts. */
    if (corpus->count > 0 && kind == SLUICE__CORPUS_TEXT) corpus->tokens++;
    piece.first                     = corpus->tokens;
    corpus->pieces[corpus->count++] = piece;
    corpus->tokens += count;
    if (width > corpus->width) corpus->width = width;
    return SLUICE_OK;
}

/* ---- text ---- */

/* How many of the last bytes, beyond those that were looked at, are zeros. */
static sluice_status count_last_zeros(int64_t *out, const candidate *it) {
    unsigned char tail[LOOK];
    const int64_t size = it->stamp.size, beyond = size - (int64_t)it->head_bytes;
    const size_t wanted = beyond < LOOK ? (size_t)beyond : LOOK;
    size_t got          = 0;
    int64_t zeros       = 0;
    SLUICE__TRY(sluice__read_at(&got, tail, wanted, it->file, size - (int64_t)wanted, it->path));
    while (zeros < (int64_t)got && tail[got - 1 - (size_t)zeros] == 0) zeros++;
    *out = zeros;
    return SLUICE_OK;
}

/* Why the file is no text; SLUICE__LEFT_REASONS if it is. `zeros` are those at its end. */
static sluice_status judge_text(sluice__left_out *why, int64_t *zeros, const candidate *it) {
    *why   = SLUICE__LEFT_REASONS;
    *zeros = 0;
    if (it->stamp.size == 0) *why = SLUICE__LEFT_EMPTY;
    if (memchr(it->head, 0, it->head_bytes)) *why = SLUICE__LEFT_NOT_TEXT;
    if (*why != SLUICE__LEFT_REASONS) return SLUICE_OK;
    SLUICE__TRY(count_last_zeros(zeros, it));
    if (*zeros >= SLUICE__MIN_ZEROS) *why = SLUICE__LEFT_ZEROS;
    return SLUICE_OK;
}

static sluice_status refuse_text(const candidate *it, sluice__left_out why, int64_t zeros) {
    if (why == SLUICE__LEFT_EMPTY)
        return sluice__fail(SLUICE_E_ARGUMENT, "'%s' is empty", it->path);
    if (why == SLUICE__LEFT_NOT_TEXT) {
        sluice__fail(SLUICE_E_ARGUMENT, "'%s' is not text: it has a zero byte", it->path);
        return sluice__hint(SLUICE_E_ARGUMENT, "token files must be named .bin");
    }
    sluice__fail(SLUICE_E_ARGUMENT,
                 "'%s' is not text to its end: from byte %" PRId64
                 " on, at the latest, it has only zeros (%" PRId64 " bytes in all)",
                 it->path, it->stamp.size - zeros, it->stamp.size);
    return sluice__hint(SLUICE_E_ARGUMENT, "restore the file, or cut it off before the zeros");
}

/* What is no text is refused if the caller names it, and left out if it was found in a folder. */
static sluice_status add_text(sluice_corpus *corpus, const candidate *it, bool is_named) {
    sluice__left_out why;
    int64_t zeros;
    SLUICE__TRY(judge_text(&why, &zeros, it));
    if (why == SLUICE__LEFT_REASONS)
        return add_piece(corpus, it, SLUICE__CORPUS_TEXT, 1, it->stamp.size);
    if (is_named) return refuse_text(it, why, zeros);
    corpus->left_out[why]++;
    return SLUICE_OK;
}

/* ---- token files ---- */

static sluice_status check_length(const candidate *it, const sluice__token_head *head) {
    const int64_t bytes = it->stamp.size - SLUICE__TOKEN_HEADER;
    if (head->count >= 0 && bytes % head->width == 0 && bytes / head->width == head->count)
        return SLUICE_OK;
    return sluice__fail(SLUICE_E_PARSE,
                        "'%s' says it has %" PRId64 " tokens, but %" PRId64
                        " bytes follow its header",
                        it->path, head->count, bytes);
}

static sluice_status check_header(sluice__token_head *out, const candidate *it) {
    if (it->head_bytes < SLUICE__TOKEN_HEADER)
        return sluice__fail(SLUICE_E_PARSE,
                            "'%s' has %zu bytes, fewer than a token file's header, which has %d",
                            it->path, it->head_bytes, SLUICE__TOKEN_HEADER);
    SLUICE__TRY(sluice__token_head_read(out, it->head, it->path));
    return check_length(it, out);
}

static sluice_status add_tokens(sluice_corpus *corpus, const candidate *it) {
    sluice__token_head head = {0};
    SLUICE__TRY(check_header(&head, it));
    return add_piece(corpus, it, SLUICE__CORPUS_TOKENS, head.width, head.count);
}

/* ---- found in a folder ---- */

static bool is_token_file(const char *path) {
    const size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".bin") == 0;
}

/* What the caller of a folder need not know of: the file is left out. Other failures, as of a disk,
 * end the reading: the corpus would be another one. */
static bool is_unreadable(int reason) {
    return reason == EACCES || reason == EPERM || reason == ENOENT || reason == ELOOP ||
           reason == ENAMETOOLONG;
}

/* Other files are named .bin too: the header tells. */
static sluice_status add_candidate(sluice_corpus *corpus, const candidate *it) {
    if (is_token_file(it->path) && it->head_bytes >= 4 && sluice__is_token_head(it->head))
        return add_tokens(corpus, it);
    return add_text(corpus, it, false);
}

sluice_status sluice__corpus_add_found(sluice_corpus *corpus, const char *path) {
    candidate it;
    const sluice_status looked = look(&it, path);
    if (looked != SLUICE_OK && !is_unreadable(errno)) return looked;
    if (looked != SLUICE_OK) {
        corpus->left_out[SLUICE__LEFT_UNREADABLE]++;
        return SLUICE_OK;
    }
    const sluice_status status = add_candidate(corpus, &it);
    close(it.file);
    return status;
}

/* ---- named ---- */

static sluice_status refuse_written(const char *path) {
    sluice__fail(SLUICE_E_ARGUMENT, "'%s' is written to, and cannot be data at the same time",
                 path);
    return sluice__hint(SLUICE_E_ARGUMENT, "name other data, or another folder for results");
}

sluice_status sluice__corpus_add_path(sluice_corpus *corpus, const char *path) {
    struct stat about;
    candidate it;
    if (stat(path, &about) != 0) return sluice__cannot("read", path);
    if (sluice__corpus_is_written(corpus, &about)) return refuse_written(path);
    if (S_ISDIR(about.st_mode)) return sluice__corpus_add_folder(corpus, path);
    SLUICE__TRY(look(&it, path));
    const sluice_status status =
        is_token_file(path) ? add_tokens(corpus, &it) : add_text(corpus, &it, true);
    close(it.file);
    return status;
}
