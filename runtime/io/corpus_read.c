/* SPDX-License-Identifier: MIT */
/* corpus_read.c -- reading tokens from the files of a corpus, which may have changed meanwhile. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/io/corpus.h"
#include "runtime/io/token_head.h"

/* ---- files that change ---- */

static sluice_status has_changed(const sluice__piece *piece, const char *how, int64_t at,
                                 int64_t size) {
    sluice__fail(SLUICE_E_IO,
                 "'%s' was %s while in use: at byte %" PRId64
                 ", which was to be read, it has %" PRId64 " bytes in all, and had %" PRId64,
                 piece->path, how, at, size, piece->stamp.size);
    return sluice__hint(SLUICE_E_IO, "leave data as it is while it is read");
}

/* After a read, so that no change before it or during it is missed. */
static sluice_status check_unchanged(const sluice__piece *piece, int file, int64_t at) {
    struct stat about;
    if (fstat(file, &about) != 0)
        return sluice__fail(SLUICE_E_IO, "cannot read '%s' at byte %" PRId64 ": %s", piece->path,
                            at, strerror(errno));
    const sluice__file_stamp now = sluice__stamp_of(&about), *then = &piece->stamp;
    if (!sluice__is_same_file(&now, then)) return has_changed(piece, "replaced", at, now.size);
    if (now.size < then->size) return has_changed(piece, "truncated", at, now.size);
    if (now.size > then->size) return has_changed(piece, "written to", at, now.size);
    if (now.written.tv_sec != then->written.tv_sec || now.written.tv_nsec != then->written.tv_nsec)
        return has_changed(piece, "rewritten", at, now.size);
    return SLUICE_OK;
}

static sluice_status read_bytes(unsigned char *to, size_t bytes, int file,
                                const sluice__piece *piece, int64_t at) {
    size_t got = 0;
    SLUICE__TRY(sluice__read_at(&got, to, bytes, file, at, piece->path));
    SLUICE__TRY(check_unchanged(piece, file, at));
    if (got == bytes) return SLUICE_OK;
    return has_changed(piece, "truncated", at, at + (int64_t)got);
}

/* ---- tokens that cannot be ---- */

/* Those above 2^31 - 1 are negative as int32. */
static sluice_status check_tokens(const sluice_corpus *corpus, const sluice__piece *piece,
                                  const int32_t *tokens, int64_t count, int64_t at) {
    for (int64_t k = 0; k < count; k++) {
        if ((uint32_t)tokens[k] < corpus->limit) continue;
        sluice__fail(SLUICE_E_ARGUMENT,
                     "'%s' has token %" PRIu32 " at byte %" PRId64
                     ", which is not below the vocabulary of %" PRId64,
                     piece->path, (uint32_t)tokens[k], at + piece->width * k, corpus->limit);
        return sluice__hint(SLUICE_E_ARGUMENT, "use a model with a larger vocabulary");
    }
    return SLUICE_OK;
}

/* A byte of zero may stand in text; many in a row are what a crash, or a full disk, left. */
static sluice_status refuse_zeros(const sluice__piece *piece, const unsigned char *bytes,
                                  size_t count, int64_t at) {
    const unsigned char *zero = memchr(bytes, 0, count), *const end = bytes + count;
    while (zero) {
        const unsigned char *after = zero;
        while (after < end && *after == 0) after++;
        if (after - zero >= SLUICE__MIN_ZEROS) {
            sluice__fail(SLUICE_E_IO, "'%s' is not text at byte %" PRId64 ": it has zeros there",
                         piece->path, at + (zero - bytes));
            return sluice__hint(SLUICE_E_IO, "leave the file out of the data, or restore it");
        }
        zero = memchr(after, 0, (size_t)(end - after));
    }
    return SLUICE_OK;
}

/* Zeros that reach an end of what was read may go on in the file: what is refused must not depend
 * on how much is read at a time. */
static sluice_status check_text(const sluice__piece *piece, int file, const unsigned char *bytes,
                                int64_t count, int64_t at) {
    enum { MARGIN = SLUICE__MIN_ZEROS - 1 };
    unsigned char more[SLUICE__CHUNK + 2 * MARGIN];
    if (bytes[0] != 0 && bytes[count - 1] != 0)
        return refuse_zeros(piece, bytes, (size_t)count, at);
    const int64_t from = at < MARGIN ? 0 : at - MARGIN, end = at + count + MARGIN;
    const size_t size = (size_t)((end < piece->count ? end : piece->count) - from);
    SLUICE__TRY(read_bytes(more, size, file, piece, from));
    return refuse_zeros(piece, more, size, from);
}

/* ---- from pieces ---- */

static void decode_narrow(int32_t *tokens, const unsigned char *bytes, int64_t count) {
    for (int64_t k = 0; k < count; k++) tokens[k] = bytes[2 * k] | bytes[2 * k + 1] << 8;
}

static void decode_wide(int32_t *tokens, const unsigned char *bytes, int64_t count) {
    for (int64_t k = 0; k < count; k++) tokens[k] = (int32_t)sluice__little_endian(bytes + 4 * k);
}

static void decode_text(int32_t *tokens, const unsigned char *bytes, int64_t count) {
    for (int64_t k = 0; k < count; k++) tokens[k] = bytes[k];
}

/* `count` tokens from byte `at` of the file on; their bytes are at most a chunk. */
static sluice_status read_tokens(int32_t *tokens, int64_t count, const sluice_corpus *corpus,
                                 const sluice__piece *piece, int file, int64_t at) {
    unsigned char bytes[SLUICE__CHUNK];
    SLUICE__TRY(read_bytes(bytes, (size_t)(count * piece->width), file, piece, at));
    if (corpus->kind == SLUICE__CORPUS_TEXT) {
        SLUICE__TRY(check_text(piece, file, bytes, count, at));
        decode_text(tokens, bytes, count);
    } else if (piece->width == 2) {
        decode_narrow(tokens, bytes, count);
    } else {
        decode_wide(tokens, bytes, count);
    }
    return check_tokens(corpus, piece, tokens, count, at);
}

/* Tokens begin .. end - 1 of the sequence, all of them of this file. */
static sluice_status read_open_file(const sluice_corpus *corpus, const sluice__piece *piece,
                                    int file, int64_t begin, int64_t end, sluice__take_tokens *take,
                                    void *context) {
    const int64_t header = corpus->kind == SLUICE__CORPUS_TOKENS ? SLUICE__TOKEN_HEADER : 0;
    const int64_t size = piece->width, max = SLUICE__CHUNK / size;
    int32_t tokens[SLUICE__CHUNK];
    while (begin < end) {
        const int64_t count = end - begin < max ? end - begin : max;
        const int64_t at    = header + (begin - piece->first) * size;
        SLUICE__TRY(read_tokens(tokens, count, corpus, piece, file, at));
        take(context, tokens, begin, count);
        begin += count;
    }
    return SLUICE_OK;
}

static sluice_status read_piece(const sluice_corpus *corpus, const sluice__piece *piece,
                                int64_t begin, int64_t end, sluice__take_tokens *take,
                                void *context) {
    int file;
    SLUICE__TRY(sluice__open_files_take(&file, corpus->open, piece->path));
    const sluice_status status = read_open_file(corpus, piece, file, begin, end, take, context);
    sluice__open_files_return(corpus->open, file);
    return status;
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

sluice_status sluice__corpus_read(const sluice_corpus *corpus, int64_t begin, int64_t end,
                                  sluice__take_tokens *take, void *context) {
    for (int at = find_piece(corpus, begin); begin < end; at++) {
        const sluice__piece *const piece = &corpus->pieces[at];
        const int64_t after              = piece->first + piece->count;
        const int64_t stop               = after < end ? after : end;
        if (begin < stop) {
            SLUICE__TRY(read_piece(corpus, piece, begin, stop, take, context));
            begin = stop;
        }
        if (begin < end && corpus->kind == SLUICE__CORPUS_TEXT)
            take(context, &(const int32_t){'\n'}, begin++, 1);
    }
    return SLUICE_OK;
}

/* ---- text as it is ---- */

static sluice_status read_open_text(unsigned char *to, int file, const sluice__piece *piece,
                                    int64_t at, int64_t count) {
    for (const int64_t end = at + count; at < end;) {
        const int64_t now = end - at < SLUICE__CHUNK ? end - at : SLUICE__CHUNK;
        SLUICE__TRY(read_bytes(to, (size_t)now, file, piece, at));
        SLUICE__TRY(check_text(piece, file, to, now, at));
        to += now;
        at += now;
    }
    return SLUICE_OK;
}

sluice_status sluice__corpus_read_text(unsigned char *to, const sluice_corpus *corpus,
                                       const sluice__piece *piece, int64_t at, int64_t count) {
    int file;
    SLUICE__TRY(sluice__open_files_take(&file, corpus->open, piece->path));
    const sluice_status status = read_open_text(to, file, piece, at, count);
    sluice__open_files_return(corpus->open, file);
    return status;
}
