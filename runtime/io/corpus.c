/* SPDX-License-Identifier: MIT */
/* corpus.c -- files of text or tokens as one sequence, cut into windows. */
#include "runtime/io/corpus.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/permutation.h"

enum { BYTE_VOCABULARY = 256, TOKEN_VOCABULARY = 50257, PER_CENT_HELD = 5 };
/* Tokens are int32 wherever they are used; uint32 in a file can be more. */
static const int64_t token_limit = INT64_C(1) << 31;
/* What is looked through at once, however large the corpus is: the rest is checked as it is read.
 */
static const int64_t look_bytes = INT64_C(256) << 20;

/* ---- the vocabulary ---- */

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void raise_vocabulary(void *context, const int32_t *tokens, int64_t first, int64_t count) {
    int64_t *const vocabulary = context;
    (void)first;
    for (int64_t k = 0; k < count; k++)
        if (tokens[k] >= *vocabulary) *vocabulary = (int64_t)tokens[k] + 1;
}

static sluice_status find_vocabulary(sluice_corpus *corpus) {
    corpus->vocabulary = corpus->limit = BYTE_VOCABULARY;
    if (corpus->kind == SLUICE__CORPUS_TEXT) return SLUICE_OK;
    corpus->vocabulary = TOKEN_VOCABULARY;
    corpus->limit      = token_limit;
    const int64_t end  = smaller(corpus->tokens, look_bytes / corpus->width);
    SLUICE__TRY(sluice__corpus_read(corpus, 0, end, raise_vocabulary, &corpus->vocabulary));
    corpus->limit = corpus->vocabulary;
    return SLUICE_OK;
}

static void take_nothing(void *context, const int32_t *tokens, int64_t first, int64_t count) {
    (void)context, (void)tokens, (void)first, (void)count;
}

sluice_status sluice_corpus_set_vocabulary(sluice_corpus *corpus, int64_t vocabulary) {
    const int64_t before = corpus->limit;
    corpus->limit        = vocabulary;
    if (vocabulary >= corpus->vocabulary) return SLUICE_OK; /* looked through already */
    const int64_t used         = corpus->windows * corpus->length + 1;
    const int64_t end          = smaller(used, look_bytes / corpus->width);
    const sluice_status status = sluice__corpus_read(corpus, 0, end, take_nothing, NULL);
    if (status != SLUICE_OK) corpus->limit = before;
    return status;
}

/* ---- open ---- */

static sluice_status refuse_no_data(const sluice_corpus *corpus) {
    const bool some = corpus->left_out_text[0] != '\0';
    sluice__fail(SLUICE_E_ARGUMENT, "there is no text in the data%s%s", some ? "; left out: " : "",
                 corpus->left_out_text);
    return sluice__hint(SLUICE_E_ARGUMENT,
                        "name text files, or folders with text files that are not hidden");
}

static sluice_status cut(sluice_corpus *corpus) {
    const int64_t length = corpus->length;
    if (corpus->count == 0) return refuse_no_data(corpus);
    if (length == 0) return SLUICE_OK;
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

/* Those that exist. */
static sluice_status note_written(sluice_corpus *corpus, const char *const *written, int count) {
    SLUICE__TRY(sluice__alloc(&corpus->written, (size_t)count, sizeof *corpus->written));
    for (int k = 0; k < count; k++) {
        struct stat about;
        if (written[k] && stat(written[k], &about) == 0)
            corpus->written[corpus->written_count++] = sluice__stamp_of(&about);
    }
    return SLUICE_OK;
}

static sluice_status fill(sluice_corpus *corpus, const char *const *paths, int count) {
    SLUICE__TRY(sluice__open_files_create(&corpus->open));
    for (int k = 0; k < count; k++) SLUICE__TRY(sluice__corpus_add_path(corpus, paths[k]));
    sluice__corpus_count_left_out(corpus);
    SLUICE__TRY(cut(corpus));
    return find_vocabulary(corpus);
}

sluice_status sluice_corpus_open_except(sluice_corpus **out, const char *const *paths, int count,
                                        int64_t length, const char *const *written,
                                        int written_count) {
    if (length < 0)
        return sluice__fail(SLUICE_E_ARGUMENT, "sequences of %" PRId64 " tokens; use at least 1",
                            length);
    sluice_corpus *corpus;
    SLUICE__TRY(sluice__alloc(&corpus, 1, sizeof *corpus));
    corpus->length       = length;
    sluice_status status = note_written(corpus, written, written_count);
    if (status == SLUICE_OK) status = fill(corpus, paths, count);
    if (status == SLUICE_OK)
        *out = corpus;
    else
        sluice_corpus_close(corpus);
    return status;
}

sluice_status sluice_corpus_open(sluice_corpus **out, const char *const *paths, int count,
                                 int64_t length) {
    return sluice_corpus_open_except(out, paths, count, length, NULL, 0);
}

void sluice_corpus_close(sluice_corpus *corpus) {
    if (!corpus) return;
    sluice__open_files_free(corpus->open);
    for (int k = 0; k < corpus->count; k++) sluice__free(corpus->pieces[k].path);
    sluice__free(corpus->pieces);
    sluice__free(corpus->written);
    sluice__free(corpus);
}

/* ---- what it is ---- */

int64_t sluice_corpus_length(const sluice_corpus *corpus) {
    return corpus->length;
}
int64_t sluice_corpus_tokens(const sluice_corpus *corpus) {
    return corpus->tokens;
}
int64_t sluice_corpus_files(const sluice_corpus *corpus) {
    return corpus->count;
}
bool sluice_corpus_is_text(const sluice_corpus *corpus) {
    return corpus->kind == SLUICE__CORPUS_TEXT;
}

int64_t sluice_corpus_bytes(const sluice_corpus *corpus) {
    int64_t bytes = 0;
    for (int k = 0; k < corpus->count; k++)
        bytes += corpus->pieces[k].count * corpus->pieces[k].width;
    return bytes;
}

uint64_t sluice_corpus_stamp(const sluice_corpus *corpus) {
    uint64_t hash = 0;
    for (int k = 0; k < corpus->count; k++) {
        const sluice__piece *const piece = &corpus->pieces[k];
        const int64_t numbers[]          = {piece->stamp.size, (int64_t)piece->stamp.written.tv_sec,
                                            (int64_t)piece->stamp.written.tv_nsec};
        hash = XXH3_64bits_withSeed(piece->path, strlen(piece->path), hash);
        hash = XXH3_64bits_withSeed(numbers, sizeof numbers, hash);
    }
    return hash;
}

const char *sluice_corpus_left_out(const sluice_corpus *corpus) {
    return corpus->left_out_text;
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

/* ---- tokens ---- */

/* Where tokens from `begin` on go. */
typedef struct token_buffer {
    int32_t *to;
    int64_t begin;
} token_buffer;

static void take_all(void *context, const int32_t *tokens, int64_t first, int64_t count) {
    const token_buffer *const buffer = context;
    memcpy(buffer->to + (first - buffer->begin), tokens, (size_t)count * sizeof *tokens);
}

sluice_status sluice_corpus_read(int32_t *out, const sluice_corpus *corpus, int64_t first,
                                 int64_t count) {
    token_buffer to = {out, first};
    return sluice__corpus_read(corpus, first, first + count, take_all, &to);
}

/* ---- windows ---- */

/* Where a window's tokens go. */
typedef struct window_buffers {
    int32_t *inputs, *targets; /* NULL: not wanted */
    int64_t begin, length;
} window_buffers;

static void take_window(void *context, const int32_t *tokens, int64_t first, int64_t count) {
    const window_buffers *const to = context;
    for (int64_t k = 0; k < count; k++) {
        const int64_t t = first - to->begin + k;
        if (to->inputs && t < to->length) to->inputs[t] = tokens[k];
        if (to->targets && t > 0) to->targets[t - 1] = tokens[k];
    }
}

sluice_status sluice_corpus_window(int32_t *inputs, int32_t *targets, const sluice_corpus *corpus,
                                   int64_t window) {
    window_buffers to = {inputs, targets, window * corpus->length, corpus->length};
    return sluice__corpus_read(corpus, to.begin, to.begin + to.length + 1, take_window, &to);
}
