/* SPDX-License-Identifier: MIT */
/*
 * data.h -- a corpus of tokens, cut into windows of T inputs and T targets.
 *
 * Minibatch n is a pure function of (corpus, seed, n): window w has tokens w T .. w T + T, the last
 * short one is dropped; the last 5 % of windows (at least one) are held out; the others are
 * shuffled anew in each epoch by a keyed permutation.
 */
#ifndef SLUICE_DATA_H
#define SLUICE_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice/status.h"

typedef struct sluice_corpus sluice_corpus; /* files are read window by window */

/*
 * `paths` are either text files and folders, or token files.
 * Text: tokens are bytes, files are joined by one newline. Token files all end in ".bin" and have
 * one of llm.c's formats: 256 little-endian int32 of header, then tokens. Magic 20240520 and
 * version 1 are followed by the token count (64 bits) and uint16 tokens, 20240801 and 7 by the
 * count and uint32 tokens; both may be in one corpus. A folder stands for all files of either kind
 * in it, recursively, in the order of their names; links to files are those files. Hidden files are
 * no data, nor is what sluice_corpus_left_out() says: files that cannot be read, are empty, have a
 * NUL byte in their first 8 KiB or zeros at their end; FIFOs, sockets, devices and other links;
 * folders that are a build (CMakeCache.txt), or of a run (model.safetensors, tokens.json).
 *
 * `length` is T >= 1; 0: there are no windows, and the tokens are only read. Release with
 * sluice_corpus_close().
 *
 * A file must stay as it is until the corpus is closed: reading checks that.
 *
 * E_ARGUMENT (no tokens, too few for a training and a held-out window, text and token files
 * mixed), E_IO, E_PARSE, E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_corpus_open(sluice_corpus **out, const char *const *paths,
                                            int count, int64_t length);
/* The same without the files and folders that the caller writes to: a folder's are left out, a path
 * that is one is refused (E_ARGUMENT). NULL, and what does not exist, is passed over. */
SLUICE_API sluice_status sluice_corpus_open_except(sluice_corpus **out, const char *const *paths,
                                                   int count, int64_t length,
                                                   const char *const *written, int written_count);
SLUICE_API void sluice_corpus_close(sluice_corpus *corpus); /* NULL is fine */

SLUICE_API int64_t sluice_corpus_length(const sluice_corpus *corpus); /* T */
SLUICE_API int64_t sluice_corpus_tokens(const sluice_corpus *corpus);
SLUICE_API int64_t sluice_corpus_files(const sluice_corpus *corpus);
/* A checksum of the files' paths, sizes and times of their last change: another one may mean other
 * tokens, the same one means the same. */
SLUICE_API uint64_t sluice_corpus_stamp(const sluice_corpus *corpus);
/* What folders have and the corpus does not: "3 files (1 unreadable, 1 not text, 1 link)"; "" for
 * nothing. Borrowed. */
SLUICE_API const char *sluice_corpus_left_out(const sluice_corpus *corpus);
SLUICE_API bool sluice_corpus_is_text(const sluice_corpus *corpus); /* rather than token files */
SLUICE_API int64_t
sluice_corpus_bytes(const sluice_corpus *corpus); /* of its files' text or tokens */
/* 256 for text; for token files 50257, or more if a larger token occurs in the first 256 MiB. */
SLUICE_API int64_t sluice_corpus_vocabulary(const sluice_corpus *corpus);
/* Refuse tokens that are not below the vocabulary of a model, rather than of the corpus: in the
 * first 256 MiB now, later whenever a window has one. E_ARGUMENT with the file and the byte, E_IO.
 */
SLUICE_API sluice_status sluice_corpus_set_vocabulary(sluice_corpus *corpus, int64_t vocabulary);
SLUICE_API int64_t sluice_corpus_training_windows(const sluice_corpus *corpus);
SLUICE_API int64_t sluice_corpus_held_out_windows(const sluice_corpus *corpus);

/* The window of sample `sample` of minibatch `n` (from 0) of `batch` samples. */
SLUICE_API int64_t sluice_corpus_sample(const sluice_corpus *corpus, uint64_t seed, int64_t n,
                                        int64_t batch, int64_t sample);
/* Tokens first .. first + count - 1 of all, on any thread; fails as sluice_corpus_window() does. */
SLUICE_API sluice_status sluice_corpus_read(int32_t *out, const sluice_corpus *corpus,
                                            int64_t first, int64_t count);
/* The k-th held-out window. */
SLUICE_API int64_t sluice_corpus_held_out(const sluice_corpus *corpus, int64_t k);
/* T inputs, T targets (the inputs' next tokens) of `window`; either may be NULL. Any thread. On
 * failure what they hold means nothing. E_IO (a file cannot be read, is not as it was when the
 * corpus was opened, or has 64 zeros or more in a row instead of text, one of them in the window),
 * E_ARGUMENT (a token that is not below the vocabulary), with the file and the byte. */
SLUICE_API sluice_status sluice_corpus_window(int32_t *inputs, int32_t *targets,
                                              const sluice_corpus *corpus, int64_t window);

#endif
