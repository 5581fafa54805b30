/* SPDX-License-Identifier: MIT */
/* read_bpe.h -- how the parts of a tokenizer are read from its files. `where` names a file, or an
 * object in it, in errors. */
#ifndef SLUICE_TOKENIZER_READ_BPE_H
#define SLUICE_TOKENIZER_READ_BPE_H

#include <jansson.h>

#include "runtime/tokenizer/bpe.h"
#include "runtime/tokenizer/tokenizer_files.h"

/* ---- fields ---- */

/* A text of the object; NULL if it is missing or null. E_PARSE if it is something else. */
sluice_status sluice__bpe_text(const char **out, const json_t *object, const char *key,
                               const char *where);
/* The same of true and false; `otherwise` if it is missing or null. */
sluice_status sluice__bpe_flag(bool *out, const json_t *object, const char *key, bool otherwise,
                               const char *where);
/* It is an object whose keys are all in the list (NULL-terminated): others might change tokens.
 * E_PARSE, E_UNSUPPORTED. */
sluice_status sluice__bpe_keys(json_t *object, const char *const *known, const char *where);
/* The "type" of an object. E_PARSE. */
sluice_status sluice__bpe_type(const char **out, json_t *object, const char *where);
/* A file as an object; release with json_decref(). E_PARSE, E_HOST_MEMORY. */
sluice_status sluice__bpe_parse(json_t **out, const sluice__tokenizer_file *file);

/* ---- parts ---- */

/* Tokens from an object of ids by their texts. E_PARSE, E_UNSUPPORTED (none of the 256 bytes has a
 * token), E_HOST_MEMORY. */
sluice_status sluice__read_tokens(sluice_bpe *to, json_t *vocabulary, const char *where);
/* Merges, from a list of "a b" or ["a", "b"], and from lines. */
sluice_status sluice__read_merges(sluice_bpe *to, const json_t *vocabulary, const json_t *merges,
                                  const char *where);
sluice_status sluice__read_merge_lines(sluice_bpe *to, const json_t *vocabulary,
                                       const sluice__tokenizer_file *file);

/* A token that is found before words are. */
typedef struct sluice__new_token {
    const char *text;
    int64_t id; /* -1: that of the vocabulary, which has it */
    bool is_special, is_word, takes_left, takes_right;
    bool is_composed; /* found in composed texts */
} sluice__new_token;
/* `vocabulary` as of sluice__read_tokens(). E_PARSE, E_HOST_MEMORY. */
sluice_status sluice__add_token(sluice_bpe *to, const json_t *vocabulary,
                                const sluice__new_token *token, const char *where);
/* The list "added_tokens" of tokenizer.json. */
sluice_status sluice__read_added(sluice_bpe *to, const json_t *vocabulary, json_t *list,
                                 const char *where);

/* The objects "normalizer", "pre_tokenizer" and "post_processor". */
sluice_status sluice__read_normalizer(sluice_bpe *to, json_t *object);
sluice_status sluice__read_splits(sluice_bpe *to, json_t *object);
sluice_status sluice__read_post(sluice_bpe *to, json_t *object);
/* One more pattern. */
sluice_status sluice__add_split(sluice_bpe *to, const char *pattern, bool is_literal);
/* One more id before or after a text. */
sluice_status sluice__add_end(sluice__id_list *to, const sluice_bpe *bpe, int64_t id,
                              const char *where);

/* All of it. */
sluice_status sluice__read_tokenizer_json(sluice_bpe *to, const sluice__tokenizer_file *file);
sluice_status sluice__read_vocab_json(sluice_bpe *to, const sluice_tokenizer *files);

#endif
