/* SPDX-License-Identifier: MIT */
/* tokenizers.c -- tokenizers that are named on the command line, and what separates documents. */
#include <string.h>

#include "tokenizing.h"

/* ---- which tokenizer ---- */

int cli_read_tokenizer(sluice_tokenizer **out, const char *name) {
    sluice_tokenizer *files = NULL;
    if (strcmp(name, CLI_BYTES) == 0) return cli_report(sluice_tokenizer_of_bytes(out, 1 << 20));
    CLI_TRY(cli_report_or(sluice_tokenizer_read(&files, name),
                          "--tokenizer takes a folder with a tokenizer.json"));
    if (sluice_tokenizer_files(files) > 0) {
        *out = files;
        return CLI_OK;
    }
    sluice_tokenizer_free(files);
    return cli_fail(CLI_FAILED,
                    "'%s' has no tokenizer; --tokenizer takes a folder with a tokenizer.json, or "
                    "with vocab.json and merges.txt",
                    name);
}

int cli_make_bpe(sluice_bpe **out, const sluice_tokenizer *files, const char *name) {
    if (sluice_bpe_make(out, files) == SLUICE_OK) return CLI_OK;
    const sluice_error *const error = sluice_last_error();
    return cli_fail(CLI_FAILED, "the tokenizer of '%s' cannot be used: %s%s%s", name, error->what,
                    error->hint[0] ? "; " : "", error->hint);
}

/* A normalizer would make another text of an accent that stands by itself. */
bool cli_is_of_bytes(const sluice_bpe *bpe) {
    static const char accent[]  = "e\xcc\x81";
    sluice_bpe_encoder *encoder = NULL;
    sluice_ids ids              = {0};
    bool same                   = sluice_bpe_vocabulary(bpe) == 256;
    for (int32_t id = 0; same && id < 256; id++) {
        size_t bytes            = 0;
        const char *const token = sluice_bpe_token(&bytes, bpe, id);
        same =
            token && bytes == 1 && (unsigned char)token[0] == id && !sluice_bpe_is_special(bpe, id);
    }
    same = same && sluice_bpe_encoder_make(&encoder, bpe) == SLUICE_OK &&
           sluice_bpe_encode(&ids, encoder, accent, 3) == SLUICE_OK && ids.count == 3;
    sluice_bpe_encoder_free(encoder);
    sluice_ids_free(&ids);
    return same;
}

/* ---- between documents ---- */

enum { USUAL, NONE, NEWLINE, EOS };
const char *const cli_separators[] = {
    [USUAL] = "auto", [NONE] = "none", [NEWLINE] = "newline", [EOS] = "eos", NULL};

int cli_choose_separator(cli_separator *out, int word, const sluice_tokenizer *files,
                         const sluice_bpe *bpe, const char *name) {
    static const sluice_separator kinds[] = {[NONE]    = SLUICE_SEPARATOR_NONE,
                                             [NEWLINE] = SLUICE_SEPARATOR_NEWLINE,
                                             [EOS]     = SLUICE_SEPARATOR_EOS};
    int32_t eos                           = -1;
    if (word == USUAL || word == EOS) CLI_TRY(cli_report(sluice_tokenizer_eos(&eos, files, bpe)));
    if (word == EOS && eos < 0)
        return cli_fail(CLI_USAGE,
                        "--separator is eos, and the tokenizer of '%s' has no token for the end of "
                        "a text; choose newline or none",
                        name);
    if (word == USUAL) word = eos >= 0 ? EOS : NEWLINE;
    *out = (cli_separator){kinds[word], eos};
    return CLI_OK;
}

const char *cli_separator_name(const cli_separator *separator) {
    return separator->kind == SLUICE_SEPARATOR_NONE      ? cli_separators[NONE]
           : separator->kind == SLUICE_SEPARATOR_NEWLINE ? cli_separators[NEWLINE]
                                                         : cli_separators[EOS];
}
