/* SPDX-License-Identifier: MIT */
/*
 * bpe.h -- a byte-level BPE tokenizer: what the files about it share.
 *
 *   read_bpe.c            which files describe it
 *   read_tokenizer_json.c tokenizer.json; read_added.c, read_splits.c, read_post.c: its parts
 *   read_vocabulary.c     tokens and merges
 *   read_vocab_json.c     vocab.json, merges.txt and what goes with them
 *   encode.c              text -> added tokens, composed text, words -> tokens
 *   cut.c                 how much of a text can be encoded before the rest is there
 *   decode.c              tokens -> text
 */
#ifndef SLUICE_TOKENIZER_BPE_H
#define SLUICE_TOKENIZER_BPE_H

#include "runtime/tokenizer/added_tokens.h"
#include "runtime/tokenizer/composed.h"
#include "runtime/tokenizer/splitter.h"
#include "runtime/tokenizer/token_tables.h"
#include "sluice/tokenizer.h"

enum { SLUICE__MAX_SPLITS = 16 };

typedef struct sluice__id_list {
    int32_t *list;
    int64_t count;
} sluice__id_list;

struct sluice_bpe {
    sluice__tokens tokens;
    sluice__merges merges;
    int32_t of_byte[256]; /* -1: it has no token and is left out, as the library does */
    bool is_unknown[256]; /* its token is the one for what is unknown */
    bool fuses_unknown;   /* which is there once for several of them */
    bool ignores_merges;  /* a word that is a token is that token */

    sluice__added as_is, composed; /* found in the text as it is, and after it was composed */
    bool composes;                 /* texts, to NFC */
    sluice__composer composer;

    sluice__splitter splits[SLUICE__MAX_SPLITS]; /* each cuts the pieces of the one before */
    int split_count;
    int space_at; /* before this split a piece gets a space in front; -1: never */

    sluice__id_list before, after;
};

/* Append to a list of ids. E_HOST_MEMORY. */
sluice_status sluice__ids_add(sluice_ids *to, const int32_t *ids, size_t count);

#endif
