/* SPDX-License-Identifier: MIT */
/*
 * tokenizer.h -- the files of a model's tokenizer, which every save of a run gets, so that what it
 * saves can be used on text.
 *
 * They are held in memory from when they are read: the folder that they came from may change, or
 * go, while the run goes on.
 */
#ifndef SLUICE_TOKENIZER_H
#define SLUICE_TOKENIZER_H

#include <stdint.h>

#include "sluice/save.h"

/* The files of a tokenizer that `folder` has, to the byte: tokenizer.json, tokenizer_config.json,
 * special_tokens_map.json, added_tokens.json, vocab.json, merges.txt, tokenizer.model and
 * generation_config.json. There may be none of them, and no such folder. Release with
 * sluice_tokenizer_free(). E_IO (one that cannot be read, is no file or has more than 256 MiB),
 * E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_tokenizer_read(sluice_tokenizer **out, const char *folder);
/* Those that a save was made with. */
SLUICE_API sluice_status sluice_tokenizer_of_save(sluice_tokenizer **out, const sluice_save *save);
/* One of 256 tokens, which are the bytes of a text: tokenizer.json and tokenizer_config.json.
 * `length`: tokens that the model takes at most. E_HOST_MEMORY. */
SLUICE_API sluice_status sluice_tokenizer_of_bytes(sluice_tokenizer **out, int64_t length);
SLUICE_API void sluice_tokenizer_free(sluice_tokenizer *tokenizer); /* NULL is fine */

SLUICE_API int sluice_tokenizer_files(const sluice_tokenizer *tokenizer);
/* How many bytes all files have. */
SLUICE_API int64_t sluice_tokenizer_bytes(const sluice_tokenizer *tokenizer);

#endif
