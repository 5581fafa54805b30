/* SPDX-License-Identifier: MIT */
/* tokenize.c -- text to a token file on several threads: each reads a piece when it is free, and
 * writes its tokens when those before them are written. */
#include "sluice/tokenize.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"
#include "runtime/io/token_file.h"
#include "runtime/tokenize/text_pieces.h"
#include "runtime/tokenizer/bpe.h"

enum { PIECE_BYTES = 1 << 20, MAX_THREADS = 1024, NARROW = 1 << 16 };

/* What the threads share. `lock` is for all from `next` on, `reading` for the source. */
typedef struct job {
    const sluice_tokenize_options *options;
    pthread_mutex_t reading, lock;
    sluice__text_source source;
    pthread_cond_t turn;
    int64_t next; /* the piece whose tokens are written next */
    sluice__token_file file;
    sluice_tokenized made;
    bool has_failed;
    sluice_error error; /* the first one */
} job;

/* A thread's own. */
typedef struct tokenizing {
    job *job;
    sluice_bpe_encoder *encoder;
    sluice__text_piece piece;
    sluice_ids ids;
    unsigned char *bytes; /* the ids as they stand in the file */
    size_t capacity;
} tokenizing;

/* ---- a piece ---- */

static bool has_failed(job *of) {
    pthread_mutex_lock(&of->lock);
    const bool failed = of->has_failed;
    pthread_mutex_unlock(&of->lock);
    return failed;
}

static sluice_status read_piece(tokenizing *it) {
    pthread_mutex_lock(&it->job->reading);
    const sluice_status status = sluice__text_piece_read(&it->piece, &it->job->source);
    pthread_mutex_unlock(&it->job->reading);
    return status;
}

static sluice_status encode_piece(tokenizing *it) {
    const sluice_tokenize_options *const options = it->job->options;
    const bool adds_eos                          = options->separator == SLUICE_SEPARATOR_EOS;
    size_t from                                  = 0;
    it->ids.count                                = 0;
    for (int k = 0; k < it->piece.count; k++) {
        const sluice__text_part *const part = &it->piece.parts[k];
        SLUICE__TRY(
            sluice_bpe_encode(&it->ids, it->encoder, it->piece.text + from, part->end - from));
        if (adds_eos && part->is_followed) SLUICE__TRY(sluice__ids_add(&it->ids, &options->eos, 1));
        from = part->end;
    }
    return SLUICE_OK;
}

/* Little-endian, whatever the machine is. */
static sluice_status narrow_ids(tokenizing *it, int width) {
    const size_t bytes = (size_t)it->ids.count * (size_t)width;
    SLUICE__TRY(sluice__reserve(&it->bytes, &it->capacity, bytes, 1));
    unsigned char *at = it->bytes;
    for (int64_t k = 0; k < it->ids.count; k++)
        for (int b = 0; b < width; b++)
            *at++ = (unsigned char)((uint32_t)it->ids.list[k] >> (8 * b));
    return SLUICE_OK;
}

static sluice_status write_tokens(job *to, const tokenizing *it) {
    SLUICE__TRY(sluice__token_file_add(&to->file, it->bytes, it->ids.count));
    to->made.done_bytes += it->piece.file_bytes;
    to->made.tokens += it->ids.count;
    if (to->options->progress) to->options->progress(to->options->context, &to->made);
    return SLUICE_OK;
}

/* In the order of the text. After a failure nothing is written. */
static sluice_status write_in_turn(tokenizing *it) {
    job *const to        = it->job;
    sluice_status status = SLUICE_OK;
    pthread_mutex_lock(&to->lock);
    while (to->next != it->piece.number && !to->has_failed) pthread_cond_wait(&to->turn, &to->lock);
    if (!to->has_failed) status = write_tokens(to, it);
    to->next++;
    pthread_cond_broadcast(&to->turn);
    pthread_mutex_unlock(&to->lock);
    return status;
}

/* ---- a thread ---- */

static sluice_status work_on(tokenizing *it) {
    SLUICE__TRY(sluice_bpe_encoder_make(&it->encoder, it->job->source.bpe));
    while (!has_failed(it->job)) {
        SLUICE__TRY(read_piece(it));
        if (it->piece.count == 0) break;
        SLUICE__TRY(encode_piece(it));
        SLUICE__TRY(narrow_ids(it, it->job->made.token_bytes));
        SLUICE__TRY(write_in_turn(it));
    }
    return SLUICE_OK;
}

static void note_failure(job *of) {
    pthread_mutex_lock(&of->lock);
    if (!of->has_failed) of->error = *sluice_last_error();
    of->has_failed = true;
    pthread_cond_broadcast(&of->turn);
    pthread_mutex_unlock(&of->lock);
}

static void *work(void *context) {
    tokenizing it = {.job = context};
    if (work_on(&it) != SLUICE_OK) note_failure(context);
    sluice_bpe_encoder_free(it.encoder);
    sluice__text_piece_free(&it.piece);
    sluice_ids_free(&it.ids);
    sluice__free(it.bytes);
    return NULL;
}

/* The calling thread is one of them. Those that cannot be started are not missed. */
static sluice_status run_threads(job *of) {
    const int wanted   = of->made.threads - 1;
    pthread_t *threads = NULL;
    int count          = 0;
    SLUICE__TRY(sluice__alloc(&threads, (size_t)wanted, sizeof *threads));
    while (count < wanted && pthread_create(&threads[count], NULL, work, of) == 0) count++;
    (void)work(of);
    for (int k = 0; k < count; k++) pthread_join(threads[k], NULL);
    sluice__free(threads);
    return of->has_failed ? sluice__fail_again(&of->error) : SLUICE_OK;
}

/* ---- all of it ---- */

static sluice_status check(const sluice_corpus *corpus, const sluice_bpe *bpe,
                           const sluice_tokenize_options *options) {
    if (options->threads < 0 || options->threads > MAX_THREADS)
        return sluice__fail(SLUICE_E_ARGUMENT, "%d threads; use 1 to %d", options->threads,
                            MAX_THREADS);
    if (options->separator == SLUICE_SEPARATOR_EOS &&
        (options->eos < 0 || options->eos >= sluice_bpe_vocabulary(bpe)))
        return sluice__fail(SLUICE_E_ARGUMENT,
                            "the separator is token %" PRId32 ", and the tokenizer's are below "
                            "%" PRId64,
                            options->eos, sluice_bpe_vocabulary(bpe));
    if (corpus->kind == SLUICE__CORPUS_TEXT) return SLUICE_OK;
    sluice__fail(SLUICE_E_ARGUMENT, "'%s' is a token file, not text", corpus->pieces[0].path);
    return sluice__hint(SLUICE_E_ARGUMENT, "name text files, or folders of them");
}

static sluice_status run_job(sluice_tokenized *out, job *it, const char *path) {
    pthread_mutex_init(&it->reading, NULL);
    pthread_mutex_init(&it->lock, NULL);
    pthread_cond_init(&it->turn, NULL);
    sluice_status status = sluice__token_file_begin(&it->file, path, it->made.token_bytes);
    if (status == SLUICE_OK) status = sluice__token_file_end(&it->file, run_threads(it));
    pthread_cond_destroy(&it->turn);
    pthread_mutex_destroy(&it->lock);
    pthread_mutex_destroy(&it->reading);
    if (status == SLUICE_OK) *out = it->made;
    return status;
}

sluice_status sluice_tokenize(sluice_tokenized *out, const char *path, const sluice_corpus *corpus,
                              const sluice_bpe *bpe, const sluice_tokenize_options *options) {
    sluice_tokenize_options settings = SLUICE_TOKENIZE_OPTIONS_INIT;
    if (options->size == 0 || options->size > sizeof settings) {
        sluice__fail(SLUICE_E_ARGUMENT, "the tokenize options have a size of %zu bytes",
                     options->size);
        return sluice__hint(SLUICE_E_ARGUMENT, "start from SLUICE_TOKENIZE_OPTIONS_INIT");
    }
    memcpy(&settings, options, options->size);
    SLUICE__TRY(check(corpus, bpe, &settings));
    job it    = {.options = &settings};
    it.source = (sluice__text_source){
        .corpus        = corpus,
        .bpe           = bpe,
        .piece_bytes   = settings.piece_bytes ? settings.piece_bytes : PIECE_BYTES,
        .adds_newlines = settings.separator == SLUICE_SEPARATOR_NEWLINE};
    it.made = (sluice_tokenized){.files       = corpus->count,
                                 .bytes       = sluice_corpus_bytes(corpus),
                                 .token_bytes = sluice_bpe_vocabulary(bpe) <= NARROW ? 2 : 4,
                                 .threads     = settings.threads ? settings.threads : 1};
    return run_job(out, &it, path);
}
