/* SPDX-License-Identifier: MIT */
/*
 * tokenizer.h -- a model's tokenizer: its files, which every save of a run gets, and the byte-level
 * BPE that they describe, which makes tokens of texts and texts of tokens. docs/tokenizers.md says
 * which are supported.
 *
 *     sluice_tokenizer_read(&files, "folder");
 *     sluice_bpe_make(&bpe, files);
 *     sluice_bpe_encoder_make(&encoder, bpe);              // one per thread
 *     sluice_bpe_encode(&ids, encoder, text, bytes);
 *     sluice_bpe_decode(&again, &count, bpe, ids.list, ids.count);
 */
#ifndef SLUICE_TOKENIZER_H
#define SLUICE_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/status.h"

/* ---- the files, held in memory from when they are read: their folder may change or go ---- */

typedef struct sluice_tokenizer sluice_tokenizer;

/* The files of a tokenizer that `folder` has, to the byte: tokenizer.json, tokenizer_config.json,
 * special_tokens_map.json, added_tokens.json, vocab.json, merges.txt, tokenizer.model and
 * generation_config.json. There may be none of them, and no such folder. Release with
 * sluice_tokenizer_free(). E_IO (one that cannot be read, is no file or has more than 256 MiB),
 * E_HOST_MEMORY. (sluice_tokenizer_of_save(), in save.h, reads those of a save.) */
SLUICE_API sluice_status sluice_tokenizer_read(sluice_tokenizer **out, const char *folder);
/* One of 256 tokens, which are the bytes of a text: tokenizer.json and tokenizer_config.json.
 * `length`: tokens that the model takes at most. E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_tokenizer_of_bytes(sluice_tokenizer **out, int64_t length);
SLUICE_API void sluice_tokenizer_free(sluice_tokenizer *tokenizer); /* NULL is fine */

SLUICE_API int sluice_tokenizer_files(const sluice_tokenizer *tokenizer);
/* How many bytes all files have. */
SLUICE_API int64_t sluice_tokenizer_bytes(const sluice_tokenizer *tokenizer);

/* ---- what they describe ---- */

typedef struct sluice_bpe sluice_bpe; /* does not change: any number of threads may use it */

/* From tokenizer.json or, without it, from vocab.json and merges.txt; the files may be released.
 * Release with sluice_bpe_free(). E_UNSUPPORTED (another kind, or a setting that would change the
 * tokens, by name), E_PARSE, E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_bpe_make(sluice_bpe **out, const sluice_tokenizer *files);
SLUICE_API void sluice_bpe_free(sluice_bpe *bpe); /* NULL is fine */

SLUICE_API int64_t sluice_bpe_vocabulary(const sluice_bpe *bpe); /* the largest id + 1 */
/* The bytes of a token, which are not NUL-terminated; NULL if there is none of that id. */
SLUICE_API const char *sluice_bpe_token(size_t *bytes, const sluice_bpe *bpe, int32_t id);
SLUICE_API bool sluice_bpe_is_special(const sluice_bpe *bpe, int32_t id);
/* The id of a token by its text, as added and special tokens are named; -1 if there is none. */
SLUICE_API int32_t sluice_bpe_find(const sluice_bpe *bpe, const char *text);
/* The ids that the tokenizer's own program puts before and after a text, such as the token of its
 * beginning. sluice_bpe_encode() adds none of them. NULL with *count 0 for none. */
SLUICE_API const int32_t *sluice_bpe_before(int64_t *count, const sluice_bpe *bpe);
SLUICE_API const int32_t *sluice_bpe_after(int64_t *count, const sluice_bpe *bpe);

/* ---- texts to tokens ---- */

/* A list that grows. Starts as {0}. */
typedef struct sluice_ids {
    int32_t *list;
    int64_t count, capacity;
} sluice_ids;
SLUICE_API void sluice_ids_free(sluice_ids *ids); /* leaves {0} */

/* Scratch memory, and a cache of words: one per thread. It borrows `bpe`. Release with
 * sluice_bpe_encoder_free(). E_HOST_MEMORY. */
typedef struct sluice_bpe_encoder sluice_bpe_encoder;
SLUICE_API sluice_status sluice_bpe_encoder_make(sluice_bpe_encoder **out, const sluice_bpe *bpe);
SLUICE_API void sluice_bpe_encoder_free(sluice_bpe_encoder *encoder); /* NULL is fine */

/* Append the tokens of any bytes: those of UTF-8 as the `tokenizers` library does, special tokens
 * inside it too, and each byte that is not UTF-8 as the token of that byte. E_HOST_MEMORY,
 * E_UNSUPPORTED (a pattern of the tokenizer needs too many steps on this text), after which *out
 * has some of them. */
SLUICE_API sluice_status sluice_bpe_encode(sluice_ids *out, sluice_bpe_encoder *encoder,
                                           const char *text, size_t bytes);
/* How many bytes of the start of a longer text may be encoded now: they, and what follows them,
 * give the same tokens by themselves as in one text, whatever follows. 0 if that cannot be said
 * yet. */
SLUICE_API size_t sluice_bpe_cut(const sluice_bpe *bpe, const char *text, size_t bytes);

/* ---- tokens to texts ---- */

/* The bytes of all tokens, special ones too, and a NUL behind them, which *bytes does not count.
 * Free with sluice_text_free(). E_ARGUMENT (no such token), E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_bpe_decode(char **out, size_t *bytes, const sluice_bpe *bpe,
                                           const int32_t *ids, int64_t count);

#endif
