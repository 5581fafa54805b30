/* SPDX-License-Identifier: MIT */
/* added_tokens.h -- tokens that are found in a text before it is cut into words, special ones among
 * them: of those that begin leftmost, the longest. */
#ifndef SLUICE_TOKENIZER_ADDED_TOKENS_H
#define SLUICE_TOKENIZER_ADDED_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/status.h"

enum { SLUICE__MAX_ADDED_BYTES = 512 };

typedef struct sluice__added_token {
    int32_t id;
    bool is_word;                 /* none where a letter or digit is next to it */
    bool takes_left, takes_right; /* white space there belongs to it */
} sluice__added_token;

typedef struct sluice__added_node sluice__added_node;
typedef struct sluice__added {
    sluice__added_token *list;
    size_t count, space;
    sluice__added_node *nodes; /* of a tree of bytes; the first one is the root */
    size_t node_count, node_space;
    bool starts[256];           /* bytes that one begins with */
    bool has_words, takes_left; /* at least one does */
} sluice__added;

/* E_PARSE (too long, or there already), E_HOST_MEMORY. */
sluice_status sluice__added_add(sluice__added *to, const sluice__added_token *token,
                                const char *text, size_t bytes);
void sluice__added_free(sluice__added *added);

/* What sluice__added_next() goes on from; starts as {.text, .bytes}. */
typedef struct sluice__added_search {
    const char *text;
    size_t bytes;
    size_t at;          /* where the next token is looked for */
    size_t done;        /* where the last one ended, with its white space */
    bool is_unfinished; /* more text may follow */
    size_t open;        /* then: where a token may begin that is not decided yet; or `bytes` */
    size_t spaces_from, spaces_to; /* of the last run of white space behind a token; 0, 0 */
    size_t barred_from, barred_to; /* the last token that was none, as it is not a word; 0, 0 */
} sluice__added_search;

typedef struct sluice__added_match {
    size_t begin, end;
    int32_t id;
} sluice__added_match;

bool sluice__added_next(sluice__added_match *out, const sluice__added *added,
                        sluice__added_search *search);

#endif
