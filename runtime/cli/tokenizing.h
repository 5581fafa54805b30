/* SPDX-License-Identifier: MIT */
/* tokenizing.h -- what `sluice tokenize` and `sluice train` share: tokenizers that are named, and
 * text that becomes a token file. */
#ifndef SLUICE_CLI_TOKENIZING_H
#define SLUICE_CLI_TOKENIZING_H

#include "cli.h"

/* What --tokenizer says for text whose tokens are its bytes. */
#define CLI_BYTES "bytes"

/* The files of the folder, or those of bytes; refused if there are none. */
int cli_read_tokenizer(sluice_tokenizer **out, const char *name);
/* The tokenizer that they are, of which errors are `name`'s. */
int cli_make_bpe(sluice_bpe **out, const sluice_tokenizer *files, const char *name);
/* Whether its tokens are the bytes of a text, by their values. */
bool cli_is_of_bytes(const sluice_bpe *bpe);

/* What stands between two files. */
typedef struct cli_separator {
    sluice_separator kind;
    int32_t eos;
} cli_separator;
enum {
    CLI_USUAL_SEPARATOR = 0
}; /* the end of a document if the tokenizer has one, else a newline */
extern const char *const cli_separators[];
/* `word` is that of the list; refused if it is a token that the tokenizer does not have. */
int cli_choose_separator(cli_separator *out, int word, const sluice_tokenizer *files,
                         const sluice_bpe *bpe, const char *name);
const char *cli_separator_name(const cli_separator *separator);

typedef struct cli_tokenized {
    sluice_tokenized made;
    double seconds;
} cli_tokenized;
/* Write the corpus's tokens to `path`; if it `talks`, with a line that says how far it is. */
int cli_tokenize(cli_tokenized *out, const char *path, const sluice_corpus *corpus,
                 const sluice_bpe *bpe, const cli_separator *separator, int threads, bool talks);
void cli_print_tokenized(const char *path, const cli_tokenized *it);

#endif
