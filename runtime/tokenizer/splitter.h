/* SPDX-License-Identifier: MIT */
/* splitter.h -- cutting a text by a pattern: what matches is a piece, and so is what is between. */
#ifndef SLUICE_TOKENIZER_SPLITTER_H
#define SLUICE_TOKENIZER_SPLITTER_H

#include <stdbool.h>
#include <stddef.h>

#include "sluice/status.h"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;

typedef struct sluice__splitter {
    struct pcre2_real_code_8 *code;
    bool is_compiled; /* into instructions of this processor */
    bool looks_back;  /* a match depends on text before it */
    bool ends_words;  /* sluice__pattern_ends_words() */
    bool is_digits;   /* sluice__pattern_is_digits() */
} sluice__splitter;

/* From a regular expression, or from a text that stands for itself. E_UNSUPPORTED, E_PARSE,
 * E_HOST_MEMORY. */
sluice_status sluice__splitter_make(sluice__splitter *out, const char *pattern, bool is_literal);
void sluice__splitter_free(sluice__splitter *splitter);

/* What a thread needs to match. */
typedef struct sluice__matcher {
    struct pcre2_real_match_data_8 *data;
    struct pcre2_real_match_context_8 *context;
    struct pcre2_real_jit_stack_8 *stack;
} sluice__matcher;
sluice_status sluice__matcher_make(sluice__matcher *out); /* E_HOST_MEMORY */
void sluice__matcher_free(sluice__matcher *matcher);
/* Before texts of so many bytes are matched: a match may take steps in proportion. */
void sluice__matcher_allow(const sluice__matcher *matcher, size_t bytes);

/* The next match from `from`: E_UNSUPPORTED if it takes too many steps. */
typedef struct sluice__split_match {
    bool is_there;
    bool is_open; /* if more text may follow: what comes next is not decided, nor is is_there */
    size_t begin, end;
} sluice__split_match;
sluice_status sluice__splitter_next(sluice__split_match *out, const sluice__splitter *splitter,
                                    const sluice__matcher *matcher, const char *text, size_t bytes,
                                    size_t from, bool is_unfinished);

#endif
