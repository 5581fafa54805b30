/* SPDX-License-Identifier: MIT */
/*
 * tokenize.h -- the text of a corpus as one token file, by a tokenizer: any amount of text, in
 * bounded memory, on several threads. The ids do not depend on the threads.
 */
#ifndef SLUICE_TOKENIZE_H
#define SLUICE_TOKENIZE_H

#include <stddef.h>
#include <stdint.h>

#include "sluice/data.h"
#include "sluice/tokenizer.h"

/* What stands between two files. Each file is tokenized by itself. */
typedef enum sluice_separator {
    SLUICE_SEPARATOR_NONE,
    SLUICE_SEPARATOR_NEWLINE, /* the file before it ends with one more newline */
    SLUICE_SEPARATOR_EOS      /* a token */
} sluice_separator;

/* How far it has come, and what it has made. */
typedef struct sluice_tokenized {
    int64_t files, bytes;     /* of the text, in all */
    int64_t done_bytes;       /* of these, so far */
    int64_t tokens;           /* so far */
    int token_bytes, threads; /* of a token in the file: 2 or 4; that work */
} sluice_tokenized;

/* Called now and then, by one thread at a time. */
typedef void sluice_tokenize_progress(void *context, const sluice_tokenized *so_far);

typedef struct sluice_tokenize_options {
    size_t size; /* sizeof(sluice_tokenize_options), set by the initializer */
    int threads; /* 0: 1 */
    sluice_separator separator;
    int32_t eos;                        /* the token of SLUICE_SEPARATOR_EOS */
    size_t piece_bytes;                 /* that a thread takes at a time, more or less; 0: 1 MiB */
    sluice_tokenize_progress *progress; /* NULL: none */
    void *context;
} sluice_tokenize_options;
/* clang-format off */
#define SLUICE_TOKENIZE_OPTIONS_INIT                     \
    {                                                    \
        /* size        */ sizeof(sluice_tokenize_options), \
        /* threads     */ 0,                             \
        /* separator   */ SLUICE_SEPARATOR_NONE,         \
        /* eos         */ -1,                            \
        /* piece_bytes */ 0,                             \
        /* progress    */ NULL,                          \
        /* context     */ NULL                           \
    }
/* clang-format on */

/*
 * Write the tokens of all of the corpus's text to `path` (data.h has the format): completely, or on
 * failure not at all; a file that is there is replaced. Tokens are uint16 if the vocabulary is at
 * most 65536, else uint32. `path` + ".part" is the file until it is complete. Texts are what
 * sluice_bpe_encode() takes: a special token's name in a text is that token.
 *
 * E_ARGUMENT (the corpus is of token files, a separator that is no token), E_IO (also: a file is
 * not as it was when the corpus was opened), E_UNSUPPORTED (more than 64 MiB of text that cannot be
 * cut, and what sluice_bpe_encode() cannot do), E_HOST_MEMORY.
 */
SLUICE_API sluice_status sluice_tokenize(sluice_tokenized *out, const char *path,
                                         const sluice_corpus *corpus, const sluice_bpe *bpe,
                                         const sluice_tokenize_options *options);

/* A checksum of what decides the tokens: tokenizer.json, vocab.json, merges.txt and
 * the files that name special tokens. */
SLUICE_API uint64_t sluice_tokenizer_stamp(const sluice_tokenizer *files);

/* The token that ends a document: "<|endoftext|>" or "<|end_of_text|>" if there is one, else the
 * "eos_token" of tokenizer_config.json or special_tokens_map.json; -1: there is none. E_PARSE,
 * E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_tokenizer_eos(int32_t *out, const sluice_tokenizer *files,
                                              const sluice_bpe *bpe);

#endif
